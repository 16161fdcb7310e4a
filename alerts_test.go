package sluice_test

import (
	"regexp"
	"strings"
	"testing"
)

// The alerts of deploy/prometheus are about metrics that exist, and that
// docs/running.md explains.
func TestAlertsAreAboutMetricsThatExist(t *testing.T) {
	page := read(t, "docs/running.md")
	var code strings.Builder
	for _, f := range sources(t) {
		if !f.isTest() {
			code.WriteString(read(t, f.name))
		}
	}
	rules := regexp.MustCompile(`(?m)^ +expr: (.*)$`).FindAllStringSubmatch(read(t, "deploy/prometheus/alerts.yaml"), -1)
	if len(rules) < 10 {
		t.Fatalf("%d rules", len(rules))
	}
	for _, rule := range rules {
		names := regexp.MustCompile(`sluice_\w+|process_\w+_fds`).FindAllString(rule[1], -1)
		if len(names) == 0 {
			t.Errorf("of no metric of ours: %s", rule[1])
		}
		for _, name := range names {
			if !strings.HasPrefix(name, "sluice_") {
				continue // the process's, by Prometheus's own client
			}
			if !strings.Contains(code.String(), `"`+name+`"`) {
				t.Errorf("there is no %s", name)
			}
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/running.md doesn't explain %s", name)
			}
		}
	}
}
