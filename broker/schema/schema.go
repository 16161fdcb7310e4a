// Package schema reads what schema registries' serializers write: Avro, Protobuf and
// JSON Schema, in the Confluent wire format. What comes out is JSON with all digits.
//
// schema.go has the codecs of streams. wire.go takes the wire format apart. avro.go and
// avro_logical.go read Avro, protobuf.go and protofile.go Protobuf. registry.go and
// fetch.go ask a registry for schemas, registry_http.go connects to it, and cache.go
// keeps them. file.go has schemas from files.
//
// encoder.go writes by a schema: avro_write.go and avro_write_logical.go Avro. latest.go
// asks for the schema to write with.
//
// Bytes come from anybody who may write to a topic, so each step is bounded: in depth,
// in time by what it may write, and in memory.
package schema

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Kind is how a record's value or key is written.
type Kind string

// The kinds that need a schema, and the one that only has the header of one.
const (
	Avro     Kind = "avro"
	Protobuf Kind = "protobuf"
	JSON     Kind = "json-schema"
)

const (
	maxDepth      = 100     // of a value, and of a schema
	maxSchema     = 1 << 20 // bytes of a schema with what it refers to
	maxReferences = 100     // schemas that one refers to, directly or not
)

// ErrUnknown says that the registry has no schema of this id. Asking again doesn't help.
var ErrUnknown = errors.New("the registry has no such schema")

// ErrPending says that a schema isn't known yet, and that the registry hasn't answered.
// It is asked; trying again helps once it answers.
var ErrPending = errors.New("the schema registry has not answered")

// errTooLarge is for what would be larger as JSON than a record may be.
var errTooLarge = errors.New("it is larger as JSON than max_record_bytes")

// Codec turns bytes of one kind into JSON. It is safe for concurrent use.
type Codec struct {
	kind     Kind
	registry *Registry // nil: the schema is from a file, or none is needed
	file     *parsed
	message  protoreflect.MessageDescriptor // of a Protobuf file
}

// New returns a codec whose schemas are the registry's. JSON Schema needs none.
func New(kind Kind, r *Registry) (*Codec, error) {
	if kind != JSON && r == nil {
		return nil, fmt.Errorf("%s needs schema_registry, or a schema from a file", kind)
	}
	return &Codec{kind: kind, registry: r}, nil
}

// Append appends raw as JSON to dst, at most limit bytes. It asks nobody and never
// waits: a schema that isn't known yet is [ErrPending], and the registry is asked in
// the background.
func (c *Codec) Append(dst, raw []byte, limit int) ([]byte, error) {
	if c.file != nil {
		return c.appendFile(dst, raw, limit)
	}
	id, body, err := splitHeader(raw)
	if err != nil {
		return dst, err
	}
	if c.kind == JSON {
		return appendJSON(dst, body, limit)
	}
	s, err := c.registry.lookup(id)
	if err != nil {
		return dst, err
	}
	return c.appendParsed(dst, s, body, limit)
}

func (c *Codec) appendParsed(dst []byte, s *parsed, body []byte, limit int) ([]byte, error) {
	switch {
	case s.err != nil:
		return dst, s.err
	case s.kind != c.kind:
		return dst, fmt.Errorf("its schema %d is of kind %s, and not %s", s.id, s.kind, c.kind)
	case c.kind == Avro:
		return appendAvro(dst, s.avro, body, limit)
	}
	index, body, err := splitIndex(body)
	if err != nil {
		return dst, err
	}
	message, err := s.proto.at(index)
	if err != nil {
		return dst, err
	}
	return s.proto.append(dst, message, body, limit)
}

// parsed is a schema, ready for use.
type parsed struct {
	id    int
	kind  Kind
	size  int   // bytes of its text, with what it refers to
	err   error // why it can't be used
	avro  avroSchema
	proto *protoFile
}
