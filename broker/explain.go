package broker

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// Explanation says of one record who would get it, as what, and what is wrong with it.
type Explanation struct {
	Delivered bool
	Everyone  bool     // every subscriber of the stream would get it
	Users     []string // who would get it otherwise
	Subject   string   // "" none
	Name      string   // the SSE event name; "" unnamed
	Data      string
	Refusals  []Refusal
}

// Explain decodes one record of a stream as the gateway would.
func Explain(s StreamConfig, rec *kgo.Record) (Explanation, error) {
	d, err := NewDecoder(s)
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
	e.Everyone = s.Audience == stream.AudienceEveryone
	for _, u := range ev.Users {
		e.Users = append(e.Users, string(u))
	}
	e.Subject, e.Name, e.Data = string(ev.Subject), ev.Name, string(ev.Data)
	return e, nil
}
