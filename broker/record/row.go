package record

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/change"
	"sluice/broker/shape"
	"sluice/stream"
)

// moved is why a row is gone for a user who had it: it is another's now.
const moved = "moved"

// decodeRow makes an event of a change of a row. f has the record's value, and gets the
// row's.
//
// A row is known by its key, so an event takes the place of all earlier ones of it. Who
// had it before, and has it no longer, is told so, and never what became of it.
func (d *Decoder) decodeRow(rec *kgo.Record, ev *stream.Event, f *fields) Refusal {
	if ev.Tombstone { // after a delete, which has been told
		return NoChange
	}
	row, err := change.Debezium(f.value.raw)
	switch {
	case errors.Is(err, change.ErrNoRow):
		return NoChange
	case err != nil:
		d.fault = err
		return DecodeError
	}
	at := row.Time
	if at.IsZero() {
		at = rec.Timestamp
	}
	wrap := d.wrapping(rec, f, at)
	ev.ByKey, ev.Tombstone = true, row.Deleted()
	before := fields{headers: f.headers, key: f.key, keyText: f.keyText, value: part{raw: row.Before}}
	if row.Deleted() {
		d.say("unwrap", "a deleted row: %s", row.Before)
		return d.decodeDeleted(ev, &before, wrap)
	}
	d.say("unwrap", "%s", row.After)
	f.value = part{raw: row.After}
	refused := d.findUsers(f, ev)
	if row.Update {
		d.findFormer(ev, &before, wrap)
	}
	if !refused.Delivers() {
		return refused
	}
	refused |= d.findSubject(f, ev) | d.findName(f, ev)
	return refused | d.shapeAndWrap(f, ev, wrap)
}

// decodeDeleted makes an event of a row that was deleted.
func (d *Decoder) decodeDeleted(ev *stream.Event, before *fields, wrap wrapper) Refusal {
	refused := d.findUsers(before, ev)
	refused |= d.findSubject(before, ev)
	data := wrap(ev, ev.Subject, deleted, deletion(ev.Subject, before.keyText, ""), true)
	if !refused.Delivers() {
		ev.FormerFromState, ev.FormerSubject, ev.FormerData = true, ev.Subject, data
		return FormerUnknown
	}
	if d.wasHidden(before) {
		d.fault = errWas
		return Filtered
	}
	ev.Name, ev.Data = deleted, data
	return refused
}

// findFormer fills who had the row before and has it no longer. A row that says nothing
// of that leaves it to the state.
func (d *Decoder) findFormer(ev *stream.Event, before *fields, wrap wrapper) {
	if d.audience != stream.AudienceUser || !d.user.MayUseValue() {
		return // a row's key doesn't change
	}
	users, refused := d.appendUsers(nil, before)
	switch {
	case !refused.Delivers():
		ev.FormerFromState = true
	case d.wasHidden(before):
		return
	}
	for _, user := range users {
		if !contains(ev.Users, user) {
			ev.Former = append(ev.Former, user)
		}
	}
	if len(ev.Former) == 0 && !ev.FormerFromState {
		return
	}
	var was stream.Event
	d.findSubject(before, &was)
	if was.Subject == nil {
		d.findSubject(&fields{headers: before.headers, key: before.key, keyText: before.keyText}, &was)
	}
	ev.FormerSubject = was.Subject
	ev.FormerData = wrap(ev, was.Subject, deleted, deletion(was.Subject, before.keyText, moved), true)
}

// wasHidden reports whether the filter dropped a row as it was, so that nobody has it.
func (d *Decoder) wasHidden(before *fields) bool {
	if d.steps.shape == nil {
		return false
	}
	verdict, _ := d.steps.shape.Passes(before.value.raw)
	return verdict == shape.Filtered
}
