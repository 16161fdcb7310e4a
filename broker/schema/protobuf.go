package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// append appends a message in Protobuf's own JSON. Fields that have no presence are
// there with their defaults: a filter for .status must see the status that is 0 on the
// wire.
func (p *protoFile) append(dst []byte, d protoreflect.MessageDescriptor, body []byte, limit int) ([]byte, error) {
	if p.defaults[d.FullName()] > limit {
		return dst, errTooLarge
	}
	m := dynamicpb.NewMessage(d)
	read := proto.UnmarshalOptions{RecursionLimit: maxDepth, Resolver: p.types, AllowPartial: true}
	if err := read.Unmarshal(body, m); err != nil {
		return dst, fmt.Errorf("it is no %s: %w", d.FullName(), plain(err))
	}
	left := limit
	if err := p.fits(m, &left, 0); err != nil {
		return dst, err
	}
	text, err := (protojson.MarshalOptions{EmitDefaultValues: true, Resolver: p.types, AllowPartial: true}).Marshal(m)
	if err != nil {
		return dst, unwritable(err)
	}
	out := bytes.NewBuffer(dst)
	if err := json.Compact(out, text); err != nil { // protojson adds spaces at random
		return dst, err
	}
	if out.Len()-len(dst) > limit {
		return dst, errTooLarge
	}
	return out.Bytes(), nil
}

// fits takes from left what a message takes as JSON, or somewhat less, and fails where
// that isn't there. Two bytes can be a message with a hundred fields, so it is asked
// before any is written.
func (p *protoFile) fits(m protoreflect.Message, left *int, depth int) (err error) {
	if *left -= p.defaults[m.Descriptor().FullName()]; *left < 0 {
		return errTooLarge
	}
	if depth > maxDepth {
		return errors.New("it nests too deep")
	}
	if m.Descriptor().FullName() == "google.protobuf.Any" {
		return p.anyFits(m, left, depth)
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				err = p.valueFits(f.MapValue(), v, left, depth)
				return err == nil
			})
		case f.IsList():
			for i := range v.List().Len() {
				if err = p.valueFits(f, v.List().Get(i), left, depth); err != nil {
					break
				}
			}
		default:
			err = p.valueFits(f, v, left, depth)
		}
		return err == nil
	})
	return err
}

func (p *protoFile) valueFits(f protoreflect.FieldDescriptor, v protoreflect.Value, left *int, depth int) error {
	if f.Message() != nil {
		return p.fits(v.Message(), left, depth+1)
	}
	if *left--; *left < 0 {
		return errTooLarge
	}
	return nil
}

// anyFits is fits for a message within a google.protobuf.Any, which JSON shows.
func (p *protoFile) anyFits(m protoreflect.Message, left *int, depth int) error {
	fields := m.Descriptor().Fields()
	url, value := fields.ByNumber(1), fields.ByNumber(2)
	if url == nil || value == nil || url.Kind() != protoreflect.StringKind || value.Kind() != protoreflect.BytesKind {
		return errors.New("its google.protobuf.Any is none")
	}
	name := m.Get(url).String()
	if name == "" {
		return nil
	}
	t, err := p.types.FindMessageByURL(name)
	if err != nil {
		return errors.New("its schema doesn't have the type that it has as a google.protobuf.Any")
	}
	inner := t.New()
	read := proto.UnmarshalOptions{RecursionLimit: maxDepth, Resolver: p.types, AllowPartial: true}
	if err := read.Unmarshal(m.Get(value).Bytes(), inner.Interface()); err != nil {
		return fmt.Errorf("it is no %s: %w", t.Descriptor().FullName(), plain(err))
	}
	return p.fits(inner, left, depth+1)
}

// plain is an error whose text is the same on all gateways: Protobuf's own has spaces
// at random.
func plain(err error) error {
	return errors.New(string(bytes.Join(bytes.Fields(bytes.ReplaceAll([]byte(err.Error()), []byte("\u00a0"), []byte(" "))), []byte(" "))))
}

var wellKnown = regexp.MustCompile(`google\.protobuf\.\w+`)

// unwritable says why a message can't be JSON. Protobuf's own error quotes the value: a
// path of a FieldMask, or the seconds of a Timestamp that no calendar has.
func unwritable(err error) error {
	if name := wellKnown.FindString(err.Error()); name != "" {
		return fmt.Errorf("it can't be written as JSON: JSON has no form for a %s that it has", name)
	}
	return errors.New("it can't be written as JSON")
}
