package openapi

// Schema is a JSON Schema (2020-12). The zero Schema is met by anything.
type Schema struct {
	Ref         string             `json:"$ref,omitempty"`
	Type        any                `json:"type,omitempty"` // a name, or several
	Title       string             `json:"title,omitempty"`
	Deprecated  bool               `json:"deprecated,omitempty"`
	Description string             `json:"description,omitempty"`
	Format      string             `json:"format,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	Const       any                `json:"const,omitempty"`
	Default     any                `json:"default,omitempty"`
	Examples    []any              `json:"examples,omitempty"`
	MinLength   *int               `json:"minLength,omitempty"`
	MaxLength   *int               `json:"maxLength,omitempty"`
	Minimum     *int               `json:"minimum,omitempty"`
	Maximum     *int               `json:"maximum,omitempty"`
	Items       *Schema            `json:"items,omitempty"`
	MaxItems    *int               `json:"maxItems,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"` // false, or a schema
	Required    []string           `json:"required,omitempty"`
	AllOf       []*Schema          `json:"allOf,omitempty"`
	AnyOf       []*Schema          `json:"anyOf,omitempty"`
	Not         *Schema            `json:"not,omitempty"`
	MediaType   string             `json:"contentMediaType,omitempty"` // of a text
	Content     *Schema            `json:"contentSchema,omitempty"`    // of such a text, once it is read
	OneOf       []*Schema          `json:"oneOf,omitempty"`
}

// Ref refers to a schema of the document's components.
func Ref(name string) *Schema { return &Schema{Ref: "#/components/schemas/" + name} }

// String is a text, with a description.
func String(description string) *Schema { return &Schema{Type: "string", Description: description} }

// Bool is true or false, with a description.
func Bool(description string) *Schema { return &Schema{Type: "boolean", Description: description} }

// Whole is a whole number of at least min, with a description.
func Whole(min int, description string) *Schema {
	return &Schema{Type: "integer", Minimum: &min, Description: description}
}

// Between is a whole number of at least min and at most max, with a description.
func Between(min, max int, description string) *Schema {
	s := Whole(min, description)
	s.Maximum = &max
	return s
}

// Number is any number, with a description.
func Number(description string) *Schema { return &Schema{Type: "number", Description: description} }

// Time is an RFC 3339 time, with a description.
func Time(description string) *Schema {
	return &Schema{Type: "string", Format: "date-time", Description: description}
}

// List is of items, with a description.
func List(items *Schema, description string) *Schema {
	return &Schema{Type: "array", Items: items, Description: description}
}

// Enum is one of some texts, with a description.
func Enum(description string, values ...string) *Schema {
	s := String(description)
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
	return s
}

// Properties are an object's, by name.
type Properties = map[string]*Schema

// Object has properties, of which those named in required are always there. Others may
// come with later versions.
func Object(description string, properties Properties, required ...string) *Schema {
	return &Schema{Type: "object", Description: description, Properties: properties, Required: required}
}

// Closed has no other properties: for what is sent to the gateway, which refuses what it
// doesn't know.
func (s *Schema) Closed() *Schema {
	s.Additional = false
	return s
}

// OrNull may be null, too.
func (s *Schema) OrNull() *Schema {
	if s.Ref != "" {
		return &Schema{OneOf: []*Schema{s, {Type: "null"}}}
	}
	s.Type = []any{s.Type, "null"}
	if s.Enum != nil {
		s.Enum = append(s.Enum, nil)
	}
	return s
}
