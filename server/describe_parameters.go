package server

import (
	"fmt"

	"sluice/server/openapi"
)

func query(name, about string, schema *openapi.Schema) openapi.Parameter {
	return openapi.Parameter{Name: name, In: "query", Description: about, Schema: schema}
}

func headerParameter(name, about string, schema *openapi.Schema) openapi.Parameter {
	return openapi.Parameter{Name: name, In: "header", Description: about, Schema: schema}
}

var (
	streamParameter = list(query("stream", "Names of the streams to read. Absent: all that the caller may read.",
		openapi.List(&openapi.Schema{Type: "string", Pattern: `^[a-z][a-z0-9-]*$`}, "")))
	subjectParameter = query("subject", fmt.Sprintf("Only events about this subject. At most %d bytes of UTF-8.", maxSubject), openapi.String(""))
)

// list writes a parameter's items in one, with commas.
func list(p openapi.Parameter) openapi.Parameter {
	p.Style, p.Explode = "form", new(bool)
	return p
}

// duration is a time as Go writes it. Empty counts as absent.
func duration(example string) *openapi.Schema {
	return &openapi.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))*$`, Examples: []any{example}}
}

func jsonBody(schema string, example any) *openapi.Body {
	return &openapi.Body{Required: true, Content: map[string]openapi.Media{jsonType: {Schema: openapi.Ref(schema), Example: example}}}
}
