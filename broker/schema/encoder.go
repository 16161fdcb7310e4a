package schema

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Encoder writes what a [Codec] reads: JSON by one schema. It is safe for concurrent use.
type Encoder struct {
	writes Kind
	id     int
	bare   bool // without the header that names a schema
	avro   avroSchema
	schema *jsonschema.Schema // of kind JSON
}

// Kind is the kind of its schema.
func (e *Encoder) Kind() Kind { return e.writes }

// EncoderFromFile returns an encoder with the Avro schema that a file holds. It writes no
// header, since nobody has given the schema an id.
func EncoderFromFile(name string) (*Encoder, error) {
	c, err := FromFile(Avro, name, "")
	if err != nil {
		return nil, err
	}
	return &Encoder{writes: Avro, bare: true, avro: c.file.avro}, nil
}

// Append appends JSON as the schema has it. Its errors begin a sentence for the caller.
// They name fields of the schema, and repeat nothing of the JSON. An object in it has no
// two members of one name.
func (e *Encoder) Append(dst, raw []byte) ([]byte, error) {
	v, err := readAny(raw)
	if err != nil {
		return dst, err
	}
	if !e.bare {
		dst = binary.BigEndian.AppendUint32(append(dst, magic), uint32(e.id))
	}
	if e.writes == JSON {
		if err := e.schema.Validate(v); err != nil {
			return dst, invalid(err)
		}
		return append(dst, raw...), nil
	}
	w := avroWriter{out: dst, steps: 4*len(raw) + writeSteps}
	if err := w.value(e.avro, v, 0); err != nil {
		return dst, err
	}
	return w.out, nil
}

// readAny reads JSON with all digits.
func readAny(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err = d.Decode(&v); err == nil {
		_, err = d.Token()
	}
	if err != io.EOF {
		return nil, errors.New("it is not JSON")
	}
	return v, nil
}

// invalid says which rule of a JSON Schema is broken, by its place in the schema.
func invalid(err error) error {
	var at *jsonschema.ValidationError
	if !errors.As(err, &at) {
		return errors.New("it does not fit")
	}
	for len(at.Causes) > 0 {
		at = at.Causes[0]
	}
	_, path, _ := strings.Cut(at.SchemaURL, "#")
	if keyword := at.ErrorKind.KeywordPath(); len(keyword) > 0 {
		path += "/" + strings.Join(keyword, "/")
	}
	if len(path) > 200 {
		path = path[:200] + "…"
	}
	return fmt.Errorf("the schema's rule %s is broken", path)
}

// schemaBase is where a JSON Schema lies that doesn't say.
const schemaBase = "https://schema.invalid/"

// compile makes a JSON Schema ready for use, after those that it refers to. Nothing else
// is loaded.
func compile(text string, references map[string]string) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseLoader(schemaTexts(references))
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	if err := c.AddResource(schemaBase+"schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile(schemaBase + "schema.json")
}

// schemaTexts are schemas by the names that others call them.
type schemaTexts map[string]string

// Load implements [jsonschema.URLLoader].
func (t schemaTexts) Load(url string) (any, error) {
	for name, text := range t {
		if url == name || strings.HasSuffix(url, "/"+name) {
			return jsonschema.UnmarshalJSON(strings.NewReader(text))
		}
	}
	return nil, errors.New("it is not among the schema's references")
}
