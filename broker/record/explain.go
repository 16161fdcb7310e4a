package record

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// Explanation says who would get a record, in which form, and what is wrong with it.
type Explanation struct {
	Delivered bool
	Everyone  bool     // every subscriber of the stream would get it
	Users     []string // the users that would get it, if not everyone
	Subject   string   // "": none
	Name      string   // the SSE event name; "" unnamed
	Data      string
	Refusals  []Refusal

	Steps []Step // what was done to it, before it was an event
	Err   string // what is wrong with it, in more words; "": the refusals say all

	Former          []string // users that would be told that they have it no longer
	FormerFromState bool     // these are whom the state has
	FormerData      string
}

// Step is what one step made of a record.
type Step struct{ Name, Text string }

// Explain decodes one record as the gateway would. For a schema that isn't known it
// waits until ctx ends. Its errors are those of [NewDecoder].
func Explain(ctx context.Context, rules Rules, rec *kgo.Record) (Explanation, error) {
	d, err := NewDecoder(rules)
	if err != nil {
		return Explanation{}, err
	}
	var e Explanation
	d.trace = func(step, text string) { e.Steps = append(e.Steps, Step{step, text}) }
	var ev stream.Event
	refused := d.Decode(rec, &ev)
	for refused&SchemaPending != 0 && d.Wait(ctx, rec) == nil {
		e.Steps = nil
		refused = d.Decode(rec, &ev)
	}
	e.Delivered = refused.Delivers()
	refused.Each(func(one Refusal) { e.Refusals = append(e.Refusals, one) })
	if d.fault != nil && refused.Explained() {
		e.Err = fmt.Sprint(d.fault)
	}
	if len(ev.FormerData) > 0 {
		e.Former, e.FormerFromState, e.FormerData = texts(ev.Former), ev.FormerFromState, string(ev.FormerData)
	}
	if !e.Delivered {
		return e, nil
	}
	e.Everyone = rules.Audience == stream.AudienceEveryone
	e.Users = texts(ev.Users)
	e.Subject, e.Name, e.Data = string(ev.Subject), ev.Name, string(ev.Data)
	return e, nil
}

func texts(all [][]byte) (texts []string) {
	for _, b := range all {
		texts = append(texts, string(b))
	}
	return texts
}
