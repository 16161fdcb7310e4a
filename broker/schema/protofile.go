package schema

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"sluice/broker/document"
)

// protoFile is a Protobuf schema: a file, linked with all that it imports.
type protoFile struct {
	file  protoreflect.FileDescriptor
	types *dynamicpb.Types // for google.protobuf.Any

	defaults map[protoreflect.FullName]int // bytes that a message's own defaults take as JSON
}

// compileTimeout is far more than any schema takes. Schemas come from a registry, so
// something is said of one that takes longer.
const compileTimeout = 10 * time.Second

// mainFile is what the schema's own file is called; only errors show it.
const mainFile = "schema.proto"

// parseProto compiles a schema. Imports are found by name in files, then among those that
// come with Protobuf.
func parseProto(text string, files map[string]string) (*protoFile, error) {
	all := map[string]string{"confluent/meta.proto": confluentMeta, "confluent/type/decimal.proto": confluentDecimal}
	for name, text := range files {
		all[name] = text
	}
	all[mainFile] = text
	find := func(name string) (protocompile.SearchResult, error) {
		text, ok := all[name]
		if !ok {
			return protocompile.SearchResult{}, protoregistry.NotFound
		}
		return protoSource(name, text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), compileTimeout)
	defer cancel()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(find)), MaxParallelism: 1}
	linked, err := compiler.Compile(ctx, mainFile)
	if err != nil {
		return nil, err
	}
	known := &protoregistry.Files{}
	if err := register(known, linked[0], 0); err != nil {
		return nil, err
	}
	p := &protoFile{file: linked[0], types: dynamicpb.NewTypes(known), defaults: make(map[protoreflect.FullName]int)}
	known.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		p.measure(f.Messages())
		return true
	})
	return p, nil
}

// protoSource is a file's text. The serializer of confluent-kafka for Python registers
// the compiled descriptor in base64 instead, and not every registry turns it back into
// text.
func protoSource(name, text string) (protocompile.SearchResult, error) {
	if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
		var d descriptorpb.FileDescriptorProto
		if err := (proto.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(raw, &d); err != nil {
			return protocompile.SearchResult{}, fmt.Errorf("%s is neither Protobuf text nor a descriptor: %w", name, err)
		}
		d.Name = proto.String(name)
		nameFields(d.MessageType)
		return protocompile.SearchResult{Proto: &d}, nil
	}
	if !document.Shallow([]byte(text), maxDepth) {
		return protocompile.SearchResult{}, errors.New(name + " nests too deep")
	}
	return protocompile.SearchResult{Source: io.NopCloser(bytes.NewReader([]byte(text)))}, nil
}

// nameFields gives fields the JSON names that they have by default. Descriptors within
// generated code leave these out, and the compiler would take an empty one for a name.
func nameFields(messages []*descriptorpb.DescriptorProto) {
	for _, m := range messages {
		for _, f := range m.Field {
			if f.JsonName == nil {
				f.JsonName = proto.String(jsonName(f.GetName()))
			}
		}
		nameFields(m.NestedType)
	}
}

// jsonName is a field's name in lowerCamelCase, as Protobuf's compiler makes it.
func jsonName(name string) string {
	var text []byte
	upper := false
	for i := range len(name) {
		switch c := name[i]; {
		case c == '_':
			upper = true
			continue
		case upper && c >= 'a' && c <= 'z':
			text = append(text, c-'a'+'A')
		default:
			text = append(text, c)
		}
		upper = false
	}
	return string(text)
}

// register adds a file and what it imports.
func register(known *protoregistry.Files, f protoreflect.FileDescriptor, depth int) error {
	if depth > maxDepth {
		return errors.New("its imports nest too deep")
	}
	if _, err := known.FindFileByPath(f.Path()); err == nil {
		return nil
	}
	for i := range f.Imports().Len() {
		if err := register(known, f.Imports().Get(i).FileDescriptor, depth+1); err != nil {
			return err
		}
	}
	return known.RegisterFile(f)
}

// measure notes how much JSON each message has when nothing is set in it.
func (p *protoFile) measure(all protoreflect.MessageDescriptors) {
	for i := range all.Len() {
		m := all.Get(i)
		n := 2
		for j := range m.Fields().Len() {
			if f := m.Fields().Get(j); !f.HasPresence() {
				n += len(f.JSONName()) + len(`"":"",`)
				if e := f.Enum(); e != nil && !f.IsList() && e.Values().Len() > 0 {
					n += len(e.Values().Get(0).Name())
				}
			}
		}
		p.defaults[m.FullName()] = n
		p.measure(m.Messages())
	}
}

// at returns the message at a path of indexes: of the file's messages one, of those
// within it one …
func (p *protoFile) at(path []int) (protoreflect.MessageDescriptor, error) {
	within := p.file.Messages()
	var m protoreflect.MessageDescriptor
	for _, i := range path {
		if i >= within.Len() {
			return nil, fmt.Errorf("its Protobuf schema has no message at index %v", path)
		}
		m = within.Get(i)
		within = m.Messages()
	}
	return m, nil
}

// named returns the message of a full name; of "" the first.
func (p *protoFile) named(name string) (protoreflect.MessageDescriptor, error) {
	if name == "" {
		if p.file.Messages().Len() == 0 {
			return nil, errors.New("has no message")
		}
		return p.file.Messages().Get(0), nil
	}
	t, err := p.types.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		return nil, fmt.Errorf("has no message %s", name)
	}
	return t.Descriptor(), nil
}

// These two come with Confluent's registry, which leaves them out of a schema's
// references.
const (
	confluentMeta = `syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
`
	confluentDecimal = `syntax = "proto3";
package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }
`
)
