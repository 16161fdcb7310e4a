package server

import (
	"net/http"
	"strconv"

	"sluice/server/openapi"
	"sluice/stream"
)

// asyncWebSocket is the channel's name, and what its messages' names begin with. No
// stream's name has a dot.
const asyncWebSocket = "sluice.websocket"

type asyncChannelBindings struct {
	WS asyncWS `json:"ws"`
}

// asyncWS is AsyncAPI's binding for WebSockets.
type asyncWS struct {
	Method  string          `json:"method"`
	Query   *openapi.Schema `json:"query"`
	Headers *openapi.Schema `json:"headers"`
	Version string          `json:"bindingVersion"`
}

// asyncReply is what answers a message, on the same channel.
type asyncReply struct {
	Channel  asyncRef   `json:"channel"`
	Messages []asyncRef `json:"messages"`
}

// addWebSocket describes /ws. It is one channel for all streams, since one connection
// has the events of several.
func (d *asyncAPI) addWebSocket(views []discoveredView) {
	messages := map[string]asyncRef{}
	add := func(name string, m asyncMessage) {
		component := asyncWebSocket + "." + name
		d.Components.Messages[component] = m
		messages[name] = asyncRef{"#/components/messages/" + component}
	}
	var sent []asyncRef
	for _, v := range views {
		add(v.Name, socketEvent(v))
		sent = append(sent, socketRef(v.Name))
	}
	for _, n := range notices {
		if n.isOfStreams() {
			add(n.Name, socketNotice(n))
			sent = append(sent, socketRef(n.Name))
		}
	}
	for name, m := range socketTalk {
		add("client."+name, m)
	}
	channel := asyncRef{"#/channels/" + asyncWebSocket}
	d.Channels[asyncWebSocket] = asyncChannel{
		Address: "/ws", Title: "WebSocket", Messages: messages,
		Description: "The streams that you may read, as messages of a WebSocket. The close code says whether and when to come back.",
		Bindings:    &asyncChannelBindings{asyncWS{http.MethodGet, socketQuery(), socketHeaders(), "0.1.0"}},
	}
	d.Operations[asyncWebSocket] = asyncOp{Action: "send", Channel: channel, Summary: "Sends the caller's events.", Messages: sent}
	d.Operations[asyncWebSocket+".ping"] = asyncOp{
		Action: "receive", Channel: channel, Summary: "Answers a page that asks whether the connection is alive.",
		Messages: []asyncRef{socketRef("client.ping")}, Reply: &asyncReply{channel, []asyncRef{socketRef("client.pong")}},
	}
	d.Operations[asyncWebSocket+".follow"] = asyncOp{
		Action: "receive", Channel: channel, Summary: "Changes the connection's filter.",
		Messages: []asyncRef{socketRef("client.follow")}, Reply: &asyncReply{channel, []asyncRef{socketRef("sluice.hello")}},
	}
}

// socketRef refers to a message of the channel.
func socketRef(name string) asyncRef {
	return asyncRef{"#/channels/" + asyncWebSocket + "/messages/" + name}
}

// socketEvent is the message of a stream's event.
func socketEvent(v discoveredView) asyncMessage {
	return asyncMessage{
		Title: "An event of " + v.Name, Summary: "An event made from a record of the stream's topic.",
		Payload: &openapi.Schema{
			Type: "object", Deprecated: v.Deprecated != nil, Required: []string{"stream"},
			Properties: openapi.Properties{
				"id":     openapi.String("Position of the connection. Opaque. Absent in a snapshot."),
				"stream": {Type: "string", Const: v.Name},
				"event":  openapi.String("Name of the event. Absent: it has none."),
				"data":   {Description: "Value of the record, in the stream's shape."},
				"text":   openapi.String("Value of the record, if it is not JSON."),
			},
			OneOf: []*openapi.Schema{{Required: []string{"data"}}, {Required: []string{"text"}}},
		},
	}
}

// socketNotice is the message of one of the gateway's own events.
func socketNotice(n notice) asyncMessage {
	fields := openapi.Properties{"event": {Type: "string", Const: n.Name}, "data": openapi.Ref(n.Schema)}
	if n.HasID {
		fields["id"] = openapi.String("Position of the connection. Opaque.")
	}
	return asyncMessage{Name: n.Name, Title: n.Name, Summary: n.Says, Payload: openapi.Object("", fields, "event", "data")}
}

const plainText = "text/plain"

// socketTalk are the messages that a client sends, and the one that is no event.
var socketTalk = map[string]asyncMessage{
	"ping": {Title: "ping", Summary: "Asks for a pong. Pages can't send ping frames.", Type: plainText, Payload: &openapi.Schema{Const: "ping"}},
	"pong": {Title: "pong", Summary: "Answers a ping.", Type: plainText, Payload: &openapi.Schema{Const: "pong"}},
	"follow": {
		Title: "follow", Summary: "The new filter. sluice.hello answers it, with the new filter's first id.",
		Payload: openapi.Object("", openapi.Properties{"follow": openapi.Object("", openapi.Properties{
			"subjects": filterList("What is about these subjects only. Absent or empty: all."),
			"events":   filterList("Events of these names only. `message` stands for events without a name. Absent or empty: all."),
		})}, "follow"),
	},
}

func filterList(description string) *openapi.Schema {
	return openapi.List(openapi.String(""), description+" At most "+strconv.Itoa(stream.MaxFilter)+" different ones.")
}

// socketQuery are the parameters of the handshake.
func socketQuery() *openapi.Schema {
	fields := openapi.Properties{}
	for _, p := range streamParameters {
		field := *p.Schema
		field.Description = p.Description
		fields[p.Name] = &field
	}
	return openapi.Object("", fields)
}

// socketHeaders are those of the handshake that mean something to this gateway.
func socketHeaders() *openapi.Schema {
	return openapi.Object("", openapi.Properties{
		"Origin":                 openapi.String("A browser's page. It must be of this host, or of `cors.origins`."),
		"Sec-WebSocket-Protocol": openapi.String("`sluice.v1`. A page may offer its token next to it, as `sluice.bearer.TOKEN`, or as `sluice.bearer64.` and the token in base64url."),
	})
}
