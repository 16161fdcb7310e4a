package config

import (
	"errors"
	"strings"

	"sluice/broker/record"
	"sluice/broker/schema"
	"sluice/broker/shape"
)

// checkShape finds what is wrong with how a stream's records are read and shown.
func (l *loader) checkShape(s *Stream) {
	at := func(leaf string) string { return "streams." + s.Name + "." + leaf }
	l.checkDecode(s, at)
	for key, text := range map[string]string{"filter": s.Filter, "transform": s.Transform} {
		if l.shapeFault(at(key), shape.Config{Filter: text}) {
			continue
		}
		for _, advice := range shape.Advice(text) {
			l.warn(at(key), advice)
		}
	}
	l.shapeFault(at("keep"), shape.Config{Keep: s.Keep})
	l.shapeFault(at("drop"), shape.Config{Drop: s.Drop})
	if s.Transform != "" && len(s.Keep)+len(s.Drop) > 0 {
		l.fault(at("transform"), "goes with neither keep nor drop: let the program leave fields out, such as del(.cost)")
	}
	if len(s.Headers) > 0 && s.Envelope != string(shape.Metadata) {
		l.fault(at("envelope_headers"), "does nothing without envelope: metadata")
	}
	if s.OnError == record.OnErrorPass {
		for _, k := range []struct {
			key   string
			given bool
		}{{"filter", s.Filter != ""}, {"transform", s.Transform != ""}, {"keep", len(s.Keep) > 0}, {"drop", len(s.Drop) > 0}, {"unwrap", s.Unwrap != ""}} {
			if k.given {
				l.fault(at("on_error"), "pass shows what can't be decoded as it is, and so past "+k.key+": write drop or stop")
				break
			}
		}
	}
}

// shapeFault finds what is wrong with one key of a shape.
func (l *loader) shapeFault(key string, c shape.Config) bool {
	_, err := shape.New(c)
	if err == nil {
		return false
	}
	var joined interface{ Unwrap() []error }
	errs := []error{err}
	if errors.As(err, &joined) {
		errs = joined.Unwrap()
	}
	for _, err := range errs {
		_, text, _ := strings.Cut(err.Error(), ": ")
		l.fault(key, strings.ReplaceAll(text, "\n", "; "))
	}
	return true
}

func (l *loader) checkDecode(s *Stream, at func(string) string) {
	d := s.Decode
	registry := l.config.SchemaRegistry.URL != ""
	isFile := d.AvroFile != "" || d.ProtobufFile != ""
	switch as := schema.Kind(d.As); {
	case d.AvroFile != "" && d.ProtobufFile != "":
		l.fault(at("decode"), "names a schema of Avro and one of Protobuf: a value is one of them")
	case d.Message != "" && d.ProtobufFile == "":
		l.fault(at("decode.protobuf.file"), "is missing: the message is in it")
	case isFile:
		rules := d.rules()
		if _, err := schema.FromFile(schema.Kind(rules.As), rules.File, rules.Message); err != nil {
			l.fault(at("decode."+rules.As+".file"), err.Error())
		}
	case (as == schema.Avro || as == schema.Protobuf) && !registry:
		l.fault(at("decode"), d.As+" needs schemas: write schema_registry: {url: …}, or decode: {"+d.As+": {file: …}}")
	}
	if key := schema.Kind(s.KeyDecode); (key == schema.Avro || key == schema.Protobuf) && !registry {
		l.fault(at("key_decode"), s.KeyDecode+" needs schemas: write schema_registry: {url: …}")
	}
	if d.As != record.DecodeText || isFile {
		return
	}
	for key, text := range map[string]string{"user": s.User, "subject": s.Subject, "event": s.Event} {
		if all, err := record.ParseSelectors(text); err == nil && all.MayUseValue() {
			l.fault(at(key), "looks into the value, which is text (decode: text): use key or header:NAME")
		}
	}
	if s.Unwrap != "" || len(s.Keep)+len(s.Drop) > 0 {
		l.fault(at("decode"), "text has no fields: remove unwrap, keep and drop, or decode: text")
	}
}
