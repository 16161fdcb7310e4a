package record

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/change"
	"sluice/broker/schema"
	"sluice/broker/shape"
	"sluice/stream"
)

// steps are what a record goes through before it is an event, in a stream that doesn't
// show records as they come: decode, unwrap, shape, envelope. They keep nothing of a
// record, so decoders share them.
type steps struct {
	value    *schema.Codec // nil: it is JSON or text
	isText   bool          // it is text, and never looked into
	key      keyDecoder    // nil: it is text
	keyCodec *schema.Codec // that key uses; nil: none
	unwrap   bool
	shape    *shape.Shape    // nil: none
	envelope *shape.Envelope // nil: none
	onError  string
	limit    int // bytes of a value that was decoded
}

// newSteps returns the steps of rules; nil where there are none.
func newSteps(rules Rules) (*steps, error) {
	s := &steps{limit: rules.SizeLimit(), onError: rules.OnError}
	var errs []error
	var err error
	if err = s.setValue(rules); err != nil {
		errs = append(errs, fmt.Errorf("decode: %w", err))
	}
	if s.key, s.keyCodec, err = newKeyDecoder(rules.KeyDecode, rules.Registry, s.limit); err != nil {
		errs = append(errs, fmt.Errorf("key_decode: %w", err))
	}
	if s.unwrap = rules.Unwrap == Debezium; rules.Unwrap != "" && !s.unwrap {
		errs = append(errs, fmt.Errorf("unwrap: %q is unknown: there is %s", rules.Unwrap, Debezium))
	}
	config := shape.Config{Filter: rules.Filter, Transform: rules.Transform, Keep: rules.Keep, Drop: rules.Drop, Max: s.limit}
	if s.shape, err = shape.New(config); err != nil {
		errs = append(errs, err)
	}
	switch style := shape.Style(rules.Envelope); style {
	case "", shape.Bare:
	case shape.Metadata, shape.CloudEvents:
		s.envelope = &shape.Envelope{Style: style, Stream: rules.Names.Stream, Topic: rules.Names.Topic, Headers: rules.Headers, ID: rules.IDs}
	default:
		errs = append(errs, fmt.Errorf("envelope: %q is unknown: there are none, metadata, cloudevents", rules.Envelope))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errs[0]
	}
	plainValue := s.value == nil && !s.isText && !s.unwrap && s.shape == nil && s.envelope == nil
	if plainValue && s.key == nil && (s.onError == "" || s.onError == OnErrorDrop) {
		return nil, nil
	}
	return s, nil
}

func (s *steps) setValue(rules Rules) (err error) {
	switch as := rules.Decode.As; {
	case as == "" || as == DecodeJSON:
	case as == DecodeText:
		s.isText = true
	case rules.Decode.File != "":
		s.value, err = schema.FromFile(schema.Kind(as), rules.Decode.File, rules.Decode.Message)
	default:
		s.value, err = schema.New(schema.Kind(as), rules.Registry)
	}
	return err
}

// decodeBySteps is decode for a stream with steps.
func (d *Decoder) decodeBySteps(rec *kgo.Record, ev *stream.Event) Refusal {
	s := d.steps
	d.fault = nil
	value, refused := d.decodeValue(rec)
	if !refused.Delivers() {
		return refused
	}
	f := fields{headers: rec.Headers, value: value}
	if one := d.decodeKey(rec.Key, &f); one != 0 {
		return one
	}
	if s.unwrap {
		return refused | d.decodeRow(rec, ev, &f)
	}
	wrap := d.wrapping(rec, &f, rec.Timestamp)
	one := d.findUsers(&f, ev)
	if refused |= one; !one.Delivers() {
		return refused
	}
	refused |= d.findSubject(&f, ev)
	if ev.Tombstone {
		ev.Name, ev.Data = deleted, wrap(ev, ev.Subject, deleted, deletion(ev.Subject, f.keyText, ""), true)
		return refused
	}
	refused |= d.findName(&f, ev)
	return refused | d.shapeAndWrap(&f, ev, wrap)
}

// decodeValue returns the value as what selectors look into. A record without one has
// none.
func (d *Decoder) decodeValue(rec *kgo.Record) (part, Refusal) {
	s := d.steps
	var refused Refusal
	switch {
	case rec.Value == nil:
		return part{}, 0
	case s.isText:
		return notJSON(rec.Value), 0
	case s.value == nil && !schema.IsFramed(rec.Value):
		return part{raw: rec.Value}, 0
	case s.value == nil:
		refused = Framed
	default:
		text, err := s.value.Append(nil, rec.Value, s.limit)
		if err == nil {
			d.say("decode", "%s", text)
			return part{raw: text}, 0
		}
		d.fault, refused = err, failureOf(err, DecodeError)
	}
	if s.onError == OnErrorPass && refused != SchemaPending {
		return notJSON(rec.Value), PassedRaw
	}
	return part{}, refused
}

// failureOf tells a schema that isn't there, or not yet, from bytes that are wrong.
func failureOf(err error, otherwise Refusal) Refusal {
	switch {
	case errors.Is(err, schema.ErrPending):
		return SchemaPending
	case errors.Is(err, schema.ErrUnknown):
		return SchemaMissing
	}
	return otherwise
}

// decodeKey fills what selectors find in the key.
func (d *Decoder) decodeKey(raw []byte, f *fields) Refusal {
	f.key, f.keyText = part{raw: raw}, raw
	if d.steps.key != nil && raw != nil {
		text, err := d.steps.key(raw)
		switch {
		case err == nil:
			f.key, f.keyText = part{raw: text}, textOf(text)
			d.say("key", "%s", text)
		case d.steps.onError == OnErrorPass && !errors.Is(err, schema.ErrPending):
			f.key = notJSON(raw)
		default:
			d.fault = err
			return failureOf(err, KeyError)
		}
	}
	if d.steps.unwrap && raw != nil {
		if inner := change.Key(f.key.raw); len(inner) != len(f.key.raw) {
			f.key, f.keyText = part{raw: inner}, textOf(inner)
		}
	}
	return 0
}

// What dropped a record, with the key of the stream at the beginning.
var (
	errFilter = errors.New("filter: it returns false, null or nothing")
	errWas    = errors.New("filter: it returned false, null or nothing for the row as it was, so nobody has it")
	errEmpty  = errors.New("transform: it returns nothing")
)

// shapeAndWrap fills ev.Data.
func (d *Decoder) shapeAndWrap(f *fields, ev *stream.Event, wrap wrapper) Refusal {
	data, isJSON := f.value.raw, false
	if d.steps.shape != nil {
		input := data
		if d.steps.isText {
			input = quoted(data)
		}
		out, verdict, err := d.steps.shape.Apply(nil, input)
		switch verdict {
		case shape.Failed:
			d.fault = err
			return ShapeError
		case shape.Filtered:
			d.fault = errFilter
			return Filtered
		case shape.Empty:
			d.fault = errEmpty
			return Filtered
		case shape.Shown:
		}
		if d.say("shape", "%s", out); !d.steps.isText || d.steps.shape.Reshapes() {
			data, isJSON = out, true
		}
	}
	if d.steps.envelope == nil {
		ev.Data = data
		return 0
	}
	if !isJSON {
		_, isJSON = f.value.json()
	}
	ev.Data = wrap(ev, ev.Subject, ev.Name, data, isJSON)
	return 0
}

// wrapper puts data into the stream's envelope, if it has one.
type wrapper func(ev *stream.Event, subject []byte, name string, data []byte, isJSON bool) []byte

func (d *Decoder) wrapping(rec *kgo.Record, f *fields, at time.Time) wrapper {
	e := d.steps.envelope
	if e == nil {
		return func(_ *stream.Event, _ []byte, _ string, data []byte, _ bool) []byte { return data }
	}
	return func(ev *stream.Event, subject []byte, name string, data []byte, isJSON bool) []byte {
		return e.Append(nil, &shape.Contents{
			Key: f.keyText, Header: f.header, Time: at, Partition: rec.Partition, Offset: rec.Offset,
			Subject: subject, Name: name, Data: data, IsJSON: isJSON,
		})
	}
}

func (d *Decoder) say(step, format string, args ...any) {
	if d.trace != nil {
		d.trace(step, fmt.Sprintf(format, args...))
	}
}

// Wait returns once the registry has said something of a record's schemas, or ctx ends.
func (d *Decoder) Wait(ctx context.Context, rec *kgo.Record) error {
	if d.steps == nil {
		return nil
	}
	var errs []error
	if d.steps.value != nil {
		errs = append(errs, d.steps.value.Wait(ctx, rec.Value))
	}
	if d.steps.keyCodec != nil {
		errs = append(errs, d.steps.keyCodec.Wait(ctx, rec.Key))
	}
	return errors.Join(errs...)
}
