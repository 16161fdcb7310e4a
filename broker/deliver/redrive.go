package deliver

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Selection says which dead letters are meant. The zero value is all.
type Selection struct {
	Cause string // "": any
	Key   *string
}

func (s Selection) matches(l Letter) bool {
	return (s.Cause == "" || s.Cause == l.Cause) && (s.Key == nil || *s.Key == string(l.Record.Key))
}

var errNoLetters = errors.New("has no dead_letter: nothing is kept that could be sent again")

// Letters visits the dead letters that have not been sent again, in the order of each
// partition. Those of one key are in one partition, in their order.
func (d *Delivery) Letters(ctx context.Context, which Selection, visit func(Letter) error) error {
	if d.config.DeadLetter == "" {
		return fmt.Errorf("deliveries.%s %w", d.config.Name, errNoLetters)
	}
	again := make(map[letterID]bool)
	err := d.readLetters(ctx, func(rec *kgo.Record) error {
		if valueOf(rec, headerMark) == markRedriven {
			if id, ok := parseLetterID(valueOf(rec, headerLetter)); ok {
				again[id] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.readLetters(ctx, func(rec *kgo.Record) error {
		l, ok := letterOf(rec, d.config.Name)
		if !ok || again[letterID{l.Partition, l.Offset}] || !which.matches(l) {
			return nil
		}
		return visit(l)
	})
}

// Redriven is what sending letters again came to.
type Redriven struct{ Sent, Dropped, Failed int }

// Redrive sends dead letters again, one after the other. What the target takes is marked
// in their topic, and is listed no more. Once a letter fails, later ones of its key stay:
// they would come before it. told is called after each.
func (d *Delivery) Redrive(ctx context.Context, which Selection, told func(Letter, Outcome)) (r Redriven, err error) {
	if d.config.Source.Poison {
		return r, fmt.Errorf("deliveries.%s: these are a stream's records, and there is no target to send them to: mend the stream, or write them anew", d.config.Name)
	}
	failed := make(map[string]bool)
	err = d.Letters(ctx, which, func(l Letter) error {
		key := string(l.Record.Key)
		if l.Record.Key != nil && failed[key] {
			r.Failed++
			told(l, Outcome{Verdict: Failed, Cause: "key_waits", Err: errors.New("an earlier record of its key could not be sent")})
			return nil
		}
		m, o := d.decoder.settled(ctx, l.Record)
		if m != nil {
			o = d.target.Send(ctx, m)
		}
		switch {
		case o.Verdict != Delivered:
			r.Failed++
			if l.Record.Key != nil {
				failed[key] = true
			}
			told(l, o)
			return ctx.Err()
		case m == nil:
			r.Dropped++
		default:
			r.Sent++
		}
		told(l, o)
		return writeLetter(ctx, d.client, d.markOf(l))
	})
	if r.Sent+r.Dropped+r.Failed > 0 {
		d.log.Info("dead letters were sent again", "audit", true, "sent", r.Sent, "not_wanted", r.Dropped, "failed", r.Failed)
	}
	return r, err
}

// markOf says that a letter has been sent again.
func (d *Delivery) markOf(l Letter) *kgo.Record {
	return &kgo.Record{Topic: d.config.DeadLetter, Key: l.Record.Key, Headers: []kgo.RecordHeader{
		header(headerName, d.config.Name), header(headerGroup, d.config.groupName()), header(headerMark, markRedriven),
		header(headerLetter, letterID{l.Partition, l.Offset}.String()),
	}}
}
