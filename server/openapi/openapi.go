// Package openapi has the words of OpenAPI 3.1 that the gateway describes itself in. They
// only marshal to JSON, and know nothing of what they describe.
//
// openapi.go has documents, and schema.go the schemas in them. schema_of.go makes one of
// a Go type, and schema_used.go finds those that a document refers to.
package openapi

// Version is the OpenAPI version of a [Document].
const Version = "3.1.1"

// Document describes an HTTP API.
type Document struct {
	OpenAPI    string          `json:"openapi"`
	Info       Info            `json:"info"`
	Servers    []Server        `json:"servers,omitempty"`
	Tags       []Tag           `json:"tags,omitempty"`
	Paths      map[string]Path `json:"paths"`
	Components Components      `json:"components"`
}

// Server says where the paths begin.
type Server struct {
	URL string `json:"url"` // a relative one counts from the document's own address
}

// Info says what the API is.
type Info struct {
	Title       string   `json:"title"`
	Version     string   `json:"version"`
	Summary     string   `json:"summary,omitempty"`
	Description string   `json:"description,omitempty"` // Markdown
	License     *License `json:"license,omitempty"`
}

// License is the software's.
type License struct {
	Name       string `json:"name"`
	Identifier string `json:"identifier,omitempty"` // SPDX
}

// Tag groups operations.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// Path has a path's operations by method, in lower case.
type Path map[string]Operation

// Operation is a method of a path.
type Operation struct {
	ID          string                 `json:"operationId"`
	Tags        []string               `json:"tags,omitempty"`
	Summary     string                 `json:"summary"`
	Description string                 `json:"description,omitempty"` // Markdown
	Parameters  []Parameter            `json:"parameters,omitempty"`
	Body        *Body                  `json:"requestBody,omitempty"`
	Responses   map[string]Response    `json:"responses"` // by status
	Security    *[]map[string][]string `json:"security,omitempty"`
}

// Parameter is one of a request.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"` // query, header, path
	Required    bool    `json:"required,omitempty"`
	Description string  `json:"description,omitempty"`
	Style       string  `json:"style,omitempty"`
	Explode     *bool   `json:"explode,omitempty"`
	Schema      *Schema `json:"schema"`
	Example     any     `json:"example,omitempty"`
}

// Body is a request's.
type Body struct {
	Required    bool             `json:"required,omitempty"`
	Description string           `json:"description,omitempty"`
	Content     map[string]Media `json:"content"`
}

// Response is an answer with one status.
type Response struct {
	Description string            `json:"description"`
	Headers     map[string]Header `json:"headers,omitempty"`
	Content     map[string]Media  `json:"content,omitempty"` // by media type
}

// Header is one of an answer.
type Header struct {
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *Schema `json:"schema"`
}

// Media is content of one media type. The schema of a text/event-stream is of each event,
// as tools have it that read OpenAPI before 3.2.
type Media struct {
	Schema   *Schema            `json:"schema,omitempty"`
	Example  any                `json:"example,omitempty"`
	Examples map[string]Example `json:"examples,omitempty"`
}

// Example is a named one.
type Example struct {
	Summary string `json:"summary,omitempty"`
	Value   any    `json:"value"`
}

// Components are what operations refer to.
type Components struct {
	Schemas  map[string]*Schema  `json:"schemas,omitempty"`
	Security map[string]Security `json:"securitySchemes,omitempty"`
}

// Security is a way to say who is asking.
type Security struct {
	Type         string `json:"type"` // apiKey, http
	Description  string `json:"description,omitempty"`
	Name         string `json:"name,omitempty"`
	In           string `json:"in,omitempty"`
	Scheme       string `json:"scheme,omitempty"`
	BearerFormat string `json:"bearerFormat,omitempty"`
}
