package describe

import "sluice/server/openapi"

// Query is a parameter of the query.
func Query(name, about string, schema *openapi.Schema) openapi.Parameter {
	return openapi.Parameter{Name: name, In: "query", Description: about, Schema: schema}
}

// HeaderParameter is a header of the request.
func HeaderParameter(name, about string, schema *openapi.Schema) openapi.Parameter {
	return openapi.Parameter{Name: name, In: "header", Description: about, Schema: schema}
}

// StreamParameter names streams, as most routes take them.
var StreamParameter = List(Query("stream", "Names of the streams to read. Absent: all that the caller may read.",
	openapi.List(&openapi.Schema{Type: "string", Pattern: `^[a-z][a-z0-9-]*$`}, "")))

// List writes a parameter's items in one, with commas.
func List(p openapi.Parameter) openapi.Parameter {
	p.Style, p.Explode = "form", new(bool)
	return p
}

// Duration is a time as Go writes it. Empty counts as absent.
func Duration(example string) *openapi.Schema {
	return &openapi.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))*$`, Examples: []any{example}}
}

// JSONBody is a request's body in JSON, as a schema has it.
func JSONBody(schema string, example any) *openapi.Body {
	return &openapi.Body{Required: true, Content: map[string]openapi.Media{JSONType: {Schema: openapi.Ref(schema), Example: example}}}
}
