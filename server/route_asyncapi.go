package server

import (
	"net/http"

	"sluice/server/deprecation"
	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
)

// asyncAPI is the body of /asyncapi.json: AsyncAPI 3.0, as far as streams take.
type asyncAPI struct {
	AsyncAPI   string                  `json:"asyncapi"`
	Info       openapi.Info            `json:"info"`
	Content    string                  `json:"defaultContentType"`
	Channels   map[string]asyncChannel `json:"channels"`
	Operations map[string]asyncOp      `json:"operations"`
	Components asyncComponents         `json:"components"`
}

// asyncChannel is a stream, or all of them over a WebSocket. All streams have one
// address; which it is, the operation's query says.
type asyncChannel struct {
	Address     string                `json:"address"`
	Title       string                `json:"title"`
	Description string                `json:"description"`
	Messages    map[string]asyncRef   `json:"messages"`
	Bindings    *asyncChannelBindings `json:"bindings,omitempty"`
	Topic       string                `json:"x-kafka-topic,omitempty"` // for operators only
	Deprecated  *deprecation.Notice   `json:"x-deprecated,omitempty"`  // AsyncAPI has no word for it
}

// asyncOp is what the gateway does with a channel: it sends or receives.
type asyncOp struct {
	Action   string         `json:"action"`
	Channel  asyncRef       `json:"channel"`
	Summary  string         `json:"summary"`
	Messages []asyncRef     `json:"messages,omitempty"` // absent: all of the channel
	Reply    *asyncReply    `json:"reply,omitempty"`
	Bindings *asyncBindings `json:"bindings,omitempty"`
}

type asyncBindings struct {
	HTTP asyncHTTP `json:"http"`
}

// asyncHTTP is AsyncAPI's binding for HTTP.
type asyncHTTP struct {
	Method  string          `json:"method"`
	Query   *openapi.Schema `json:"query"`
	Version string          `json:"bindingVersion"`
}

type asyncRef struct {
	Ref string `json:"$ref"`
}

type asyncComponents struct {
	Messages map[string]asyncMessage `json:"messages"`
	Schemas  openapi.Properties      `json:"schemas"`
}

// asyncMessage is an event, or a message of a WebSocket. An event's headers are its
// fields other than the data.
type asyncMessage struct {
	Name    string          `json:"name,omitempty"`
	Title   string          `json:"title"`
	Summary string          `json:"summary"`
	Type    string          `json:"contentType,omitempty"` // absent: JSON
	Headers *openapi.Schema `json:"headers,omitempty"`
	Payload *openapi.Schema `json:"payload"`
}

const asyncAbout = "The streams that you may read, as Server-Sent Events or over a WebSocket, at the address that this document came from. An event's `id` is the position of the connection. " +
	"Come back with the last one: nothing is missing and nothing comes twice. Events whose names begin with `sluice.` are the gateway's."

// asyncapi answers GET and HEAD /asyncapi.json on the public port: with the streams that
// the caller may read.
func (s *Server) asyncapi(w http.ResponseWriter, r *http.Request) {
	principal, unknown := s.identify(r)
	if unknown != nil && !unknown.Anonymous {
		s.deny(w, r, unknown)
		return
	}
	setStateHeader(w.Header())
	s.writeBody(w, r, response.MustJSON(asyncOf(s.readable(principal), nil)))
}

// asyncapiOfAll answers operators: with all streams, and their topics.
func (s *Server) asyncapiOfAll(w http.ResponseWriter, r *http.Request) {
	var views []discoveredView
	for _, spec := range s.cfg.Hub.Specs() {
		views = append(views, s.view(spec, func(string) bool { return true }))
	}
	topics := map[string]string{}
	for _, status := range s.cfg.Source.Status() {
		topics[status.Name] = status.Topic
	}
	setStateHeader(w.Header())
	s.writeBody(w, r, response.MustJSON(asyncOf(views, topics)))
}

// asyncOf describes streams, with their topics where they may be told.
func asyncOf(views []discoveredView, topics map[string]string) asyncAPI {
	d := asyncAPI{
		AsyncAPI: "3.0.0", Info: openapi.Info{Title: "sluice", Version: apiVersion, Description: asyncAbout}, Content: describe.JSONType,
		Channels: map[string]asyncChannel{}, Operations: map[string]asyncOp{},
		Components: asyncComponents{Messages: asyncNotices()},
	}
	for _, v := range views {
		messages := map[string]asyncRef{"event": {"#/components/messages/" + v.Name}}
		for _, n := range notices {
			if n.isOfStreams() {
				messages[n.Name] = asyncRef{"#/components/messages/" + n.Name}
			}
		}
		d.Components.Messages[v.Name] = asyncMessage{
			Title: "An event of " + v.Name, Summary: "An event made from a record of the stream's topic.",
			Headers: openapi.Object("", openapi.Properties{
				"id": openapi.String("Position of the connection. Opaque."), "event": openapi.String("Name of the event. Absent: it has none."),
			}, "id"),
			Payload: &openapi.Schema{Description: "Value of the record, in the stream's shape.", Deprecated: v.Deprecated != nil},
		}
		d.Channels[v.Name] = asyncChannel{Address: "/events", Title: v.Name, Description: v.says(), Messages: messages, Topic: topics[v.Name], Deprecated: v.Deprecated}
		query := openapi.Object("", openapi.Properties{
			"stream":      {Type: "string", Const: v.Name},
			"lastEventId": openapi.String("Where to resume: the newest id of the connection before, or of a state."),
			"from":        openapi.String("Where to begin if there is nothing to resume: live, earliest, last:N or since:TIME."),
		}, "stream")
		if v.Subject {
			query.Properties["subject"] = openapi.String("Only events about this subject.")
		}
		d.Operations[v.Name] = asyncOp{
			Action: "send", Channel: asyncRef{"#/channels/" + v.Name}, Summary: "Sends the caller's events of " + v.Name + ".",
			Bindings: &asyncBindings{asyncHTTP{http.MethodGet, query, "0.3.0"}},
		}
	}
	if len(views) > 0 {
		d.addWebSocket(views)
	}
	d.Components.Schemas = openapi.Used(d, schemas)
	return d
}

// says is what a stream is, in words.
func (v discoveredView) says() string {
	about := "Each event goes to the users it belongs to, and to nobody else."
	if v.Audience == "everyone" {
		about = "Each event goes to everybody who may read the stream."
	}
	if v.Subject {
		about += " Each event is about a subject, and `?subject=` selects one."
	}
	if v.State {
		about += " `/state` has the latest event of each subject."
	}
	if d := v.Deprecated; d != nil {
		about += " " + d.Says()
	}
	return about
}

// asyncNotices are the gateway's own events.
func asyncNotices() map[string]asyncMessage {
	messages := map[string]asyncMessage{}
	for _, n := range notices {
		if !n.isOfStreams() {
			continue // of no stream
		}
		fields := openapi.Properties{"event": {Type: "string", Const: n.Name}}
		if n.HasID {
			fields["id"] = openapi.String("Position of the connection. Opaque.")
		}
		messages[n.Name] = asyncMessage{Name: n.Name, Title: n.Name, Summary: n.Says, Headers: openapi.Object("", fields, "event"), Payload: openapi.Ref(n.Schema)}
	}
	return messages
}

var asyncapiRoute = describe.Route{Asks: describe.AnyCaller, Operation: openapi.Operation{
	ID: "asyncapi", Tags: []string{describe.TagDiscovery}, Summary: "The streams that the caller may read, as AsyncAPI",
	Responses: describe.Responses{}.JSON(http.StatusOK, "AsyncAPI 3.0.", &openapi.Schema{Type: "object"}, nil).
		Problem(http.StatusBadRequest, "A parameter is given twice.", once...).
		Unidentified().Unavailable(false).Failed(),
}}

var asyncapiOfAllRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "asyncapi", Tags: []string{describe.TagDiscovery}, Summary: "All streams, with their topics, as AsyncAPI",
	Responses: describe.Responses{}.JSON(http.StatusOK, "AsyncAPI 3.0.", &openapi.Schema{Type: "object"}, nil).NotOperator(),
}}
