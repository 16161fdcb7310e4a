package config

import (
	"slices"
	"testing"
)

func TestSeveralTopics(t *testing.T) {
	c, findings := Parse("sluice.yaml", []byte(`kafka: {brokers: [localhost:9092]}
streams:
  by-pattern:
    topics: ^orders\..*
    user: key
  by-list: {topics: [a, b], user: key}
  one: {topic: a, user: key}
control_topic: orders.control
auth: none
`), []string{"SLUICE_STREAMS_BY_LIST_TOPICS=a, c"})
	if faults := findings.Faults(); len(faults) > 0 {
		t.Fatal(faults)
	}
	byPattern, byList, one := c.Streams[0], c.Streams[1], c.Streams[2]
	if byPattern.Name != "by-pattern" { // by name
		byList, byPattern = c.Streams[0], c.Streams[1]
	}
	if byPattern.Topics.Pattern != `^orders\..*` || byPattern.Shown() != `^orders\..*` || !byPattern.Spec().Several {
		t.Errorf("%+v", byPattern.Topics)
	}
	if !slices.Equal(byList.Topics.Names, []string{"a", "c"}) || byList.Shown() != "a, c" || !byList.Spec().Several {
		t.Errorf("%+v", byList.Topics)
	}
	if one.Topics.IsGiven() || one.Shown() != "a" || one.Spec().Several || c.TopicsOf(one) != nil {
		t.Errorf("%+v", one)
	}
	topics := c.TopicsOf(byPattern)
	for name, want := range map[string]bool{"orders.eu": true, "orders.control": false, "orders": false} {
		if topics.Has(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	for _, s := range c.Records(nil) {
		if (s.Topics == nil) != (s.Name == "one") {
			t.Errorf("%s has topics %v", s.Name, s.Topics)
		}
	}
}
