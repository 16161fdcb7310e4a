package schema

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"sluice/shown"
)

// fetch asks for a schema and all that it refers to. A schema that can't be used is an
// answer too: asking again would bring the same.
func (r *Registry) fetch(ctx context.Context, id int) (*parsed, error) {
	main, err := r.cl.SchemaByID(ctx, id)
	if err != nil {
		return nil, judge(err)
	}
	s, _, err := r.complete(ctx, id, main)
	return s, err
}

// complete parses a schema, with all that it refers to.
func (r *Registry) complete(ctx context.Context, id int, main sr.Schema) (*parsed, *references, error) {
	refs := &references{client: r.cl, size: len(main.Schema), text: make(map[string]string)}
	s := &parsed{id: id}
	if s.err = refs.add(ctx, main.References, 0); s.err != nil && !errors.Is(s.err, errUnusable) {
		return nil, nil, judge(s.err)
	}
	s.size = refs.size
	switch {
	case s.err != nil:
	case s.size > maxSchema:
		s.err = fmt.Errorf("it has more than %d bytes", maxSchema)
	default:
		s.parse(main, refs)
	}
	if s.err != nil {
		s.err = errID(id, fmt.Errorf("it can't be used: %w", s.err))
	}
	return s, refs, nil
}

// Check asks the registry for a schema that nobody has. So it finds out whether the
// registry answers as it should, and lets the gateway ask.
func (r *Registry) Check(ctx context.Context) error {
	if _, err := r.cl.SchemaByID(ctx, math.MaxInt32); err != nil {
		if err = judge(err); !errors.Is(err, ErrUnknown) {
			return err
		}
	}
	return nil
}

func (s *parsed) parse(main sr.Schema, refs *references) {
	defer func() {
		if p := recover(); p != nil { // of a parser that meets what it didn't expect
			s.err = fmt.Errorf("it can't be parsed: %v", p)
		}
	}()
	switch main.Type {
	case sr.TypeAvro:
		s.kind = Avro
		var texts []string
		for _, name := range refs.order {
			texts = append(texts, refs.text[name])
		}
		s.avro, s.err = parseAvro(main.Schema, texts)
	case sr.TypeProtobuf:
		s.kind = Protobuf
		s.proto, s.err = parseProto(main.Schema, refs.text)
	case sr.TypeJSON:
		s.kind = JSON
	default:
		s.err = fmt.Errorf("its type is %v", main.Type)
	}
}

// errUnusable is for references that no schema may have.
var errUnusable = errors.New("what it refers to can't be had")

// references are the schemas that one refers to, directly or not.
type references struct {
	client *sr.Client
	size   int
	text   map[string]string // by the name that the schema calls it
	order  []string          // so that each comes after those that it refers to
}

func (f *references) add(ctx context.Context, refs []sr.SchemaReference, depth int) error {
	for _, ref := range refs {
		if _, known := f.text[ref.Name]; known {
			continue
		}
		if depth > maxDepth || len(f.text) == maxReferences || f.size > maxSchema {
			return fmt.Errorf("%w: there are more than %d, or more than %d bytes", errUnusable, maxReferences, maxSchema)
		}
		s, err := f.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if err != nil {
			return err
		}
		f.size += len(s.Schema.Schema)
		f.text[ref.Name] = s.Schema.Schema
		if err := f.add(ctx, s.References, depth+1); err != nil {
			return err
		}
		f.order = append(f.order, ref.Name)
	}
	return nil
}

// judge tells "there is none" from "nobody knows". Only the registry itself says the
// former, with its own error code: any web server has a page for 404.
func judge(err error) error {
	var said *sr.ResponseError
	if !errors.As(err, &said) {
		return untold(err)
	}
	switch code := said.ErrorCode; {
	case said.StatusCode == http.StatusNotFound && code >= 40401 && code <= 40409:
		return ErrUnknown
	case said.StatusCode == http.StatusNotFound:
		return errors.New("it answers 404, and not as a schema registry does: is schema_registry.url right, with the path of its API?")
	case said.StatusCode == http.StatusUnauthorized || said.StatusCode == http.StatusForbidden:
		return fmt.Errorf("it answers %d: check schema_registry.username and its password, or schema_registry.token_file", said.StatusCode)
	}
	return fmt.Errorf("it answers %d", said.StatusCode)
}

// untold says why there is no answer, with the key that may cure it.
func untold(err error) error {
	var (
		unknown x509.UnknownAuthorityError
		op      *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return errors.New("its certificate is signed by no authority known here (schema_registry.ca_file)")
	case errors.As(err, &op) && op.Op == "remote error": // how crypto/tls hands on an alert
		return fmt.Errorf("it refuses the TLS connection: %s (does it want a certificate? schema_registry.cert_file)", strings.TrimPrefix(op.Err.Error(), "tls: "))
	}
	return shown.Error(err)
}
