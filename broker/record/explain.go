package record

import (
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
}

// Explain decodes one record as the gateway would. Its errors are those of [NewDecoder].
func Explain(rules Rules, rec *kgo.Record) (Explanation, error) {
	d, err := NewDecoder(rules)
	if err != nil {
		return Explanation{}, err
	}
	var ev stream.Event
	refused := d.Decode(rec, &ev)
	e := Explanation{Delivered: refused.Delivers()}
	refused.Each(func(one Refusal) { e.Refusals = append(e.Refusals, one) })
	if !e.Delivered {
		return e, nil
	}
	e.Everyone = rules.Audience == stream.AudienceEveryone
	for _, u := range ev.Users {
		e.Users = append(e.Users, string(u))
	}
	e.Subject, e.Name, e.Data = string(ev.Subject), ev.Name, string(ev.Data)
	return e, nil
}
