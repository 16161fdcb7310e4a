package portal

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"sluice/server/auth"
	"sluice/server/describe"
	"sluice/server/openapi"
)

// Mount adds the portal's routes.
func (p *Portal) Mount(r chi.Router) {
	r.Method(http.MethodGet, "/portal/keys", http.HandlerFunc(p.ListKeys))
	r.Method(http.MethodPost, "/portal/keys", http.HandlerFunc(p.MakeKey))
	r.Method(http.MethodDelete, "/portal/keys/{id}", http.HandlerFunc(p.RevokeKey))
	r.Method(http.MethodPost, "/portal/keys/{id}/rotate", http.HandlerFunc(p.ReplaceKey))
	if p.cfg.Tickets != nil {
		r.Method(http.MethodGet, "/portal/tickets", http.HandlerFunc(p.ListTickets))
		r.Method(http.MethodPost, "/portal/tickets", http.HandlerFunc(p.MakeTicket))
		r.Method(http.MethodDelete, "/portal/tickets/{id}", http.HandlerFunc(p.RevokeTicket))
	}
}

// Routes describes them.
var Routes = map[string]describe.Route{
	"GET /portal/keys": listRoute("portalKeys", "Your keys", "Keys that ended in the last seven days are among them. `uses` and `last_used` are of this gateway, since it started.", "PortalKeys"),
	"POST /portal/keys": makeRoute("portalMakeKey", "Make a key", "The key's text is answered once, and kept nowhere. Other gateways know it within seconds.",
		"PortalKeyRequest", map[string]any{"name": "laptop", "streams": []string{"orders"}, "actions": []string{auth.ActionRead}, "expires_in": "720h"}, "The key. Its text is shown only now.", "PortalKey"),
	"DELETE /portal/keys/{id}": revokeRoute("portalRevokeKey", "Revoke a key", "Streams that were opened with it end, and so do those of tickets made with it.", "key"),
	"POST /portal/keys/{id}/rotate": replaceRoute(makeRoute("portalReplaceKey", "Make a key in place of another", "The new key is for the same streams and actions, and as long. The old one is good for `overlap` still.",
		"PortalRotateRequest", map[string]any{"overlap": "24h"}, "The new key. Its text is shown only now.", "PortalKey")),
	"GET /portal/tickets": listRoute("portalTickets", "Your tickets", "Those that were made in the portal.", "PortalTickets"),
	"POST /portal/tickets": makeRoute("portalMakeTicket", "Make a ticket", "It is for the caller, and opens `/events?ticket=…` on every gateway at once.",
		"PortalTicketRequest", map[string]any{"name": "demo", "streams": []string{"orders"}, "ttl": "30m"}, "The ticket. Its text is shown only now.", "PortalTicket"),
	"DELETE /portal/tickets/{id}": revokeRoute("portalRevokeTicket", "Revoke a ticket", "Streams that were opened with it end.", "ticket"),
}

func listRoute(id, summary, about, schema string) describe.Route {
	return describe.Route{Asks: describe.Caller, Operation: openapi.Operation{
		ID: id, Tags: []string{describe.TagPortal}, Summary: summary, Description: about,
		Responses: signedIn(describe.Responses{}.JSON(http.StatusOK, "Yours, the newest first.", openapi.Ref(schema), nil), "portal-role", "portal-login"),
	}}
}

func makeRoute(id, summary, about, request string, example map[string]any, made, schema string) describe.Route {
	return describe.Route{Asks: describe.Caller, Operation: openapi.Operation{
		ID: id, Tags: []string{describe.TagPortal}, Summary: summary, Description: about,
		Body: describe.JSONBody(request, example),
		Responses: changing(describe.Responses{}.JSON(http.StatusCreated, made, openapi.Ref(schema), nil)).
			Problem(http.StatusBadRequest, "The body makes no sense. `detail` says what is wrong.", "portal"),
	}}
}

func replaceRoute(r describe.Route) describe.Route {
	r.Parameters = []openapi.Parameter{idParameter("key")}
	describe.Responses(r.Responses).Problem(http.StatusNotFound, "You have no such key, or it has ended or been replaced.", "portal-key")
	return r
}

func revokeRoute(id, summary, about, what string) describe.Route {
	return describe.Route{Asks: describe.Caller, Operation: openapi.Operation{
		ID: id, Tags: []string{describe.TagPortal}, Summary: summary, Description: about,
		Parameters: []openapi.Parameter{idParameter(what)},
		Responses: changing(describe.Responses{}.With(http.StatusNoContent, openapi.Response{Description: "It is revoked, here and on the other gateways within seconds."})).
			Problem(http.StatusNotFound, "You have no such "+what+", or it has ended.", "portal-"+what),
	}}
}

func idParameter(what string) openapi.Parameter {
	return openapi.Parameter{Name: "id", In: "path", Required: true, Description: "Id of the " + what + ".", Schema: openapi.String("")}
}

// signedIn are the answers to those who may not ask.
func signedIn(a describe.Responses, forbidden ...string) describe.Responses {
	return a.Unidentified().Problem(http.StatusForbidden, "The login has not the role that the portal asks for, or is a key or a ticket. Or a page asks that may not.", forbidden...).
		Unavailable(false).Failed()
}

// changing are those of a request that makes or ends something.
func changing(a describe.Responses) describe.Responses {
	a = signedIn(a, "portal-role", "portal-login", "cross-origin").
		Problem(http.StatusTooManyRequests, "You make or end too many, or have as many as you may.", "portal-limit", "unavailable")
	return a.Problem(http.StatusServiceUnavailable, "Not now: Kafka doesn't take the record, the gateway is starting, or who asks can't be told.", "unavailable", "not-announced")
}

// Schemas are those that the routes refer to.
func Schemas() openapi.Properties {
	text := func(about string) *openapi.Schema {
		return &openapi.Schema{Type: "string", Description: about, MinLength: new(1)}
	}
	span := func(about, example string) *openapi.Schema {
		s := describe.Duration(example)
		s.Description = about
		return s.OrNull()
	}
	streams := func() *openapi.Schema {
		return openapi.List(text(""), "Names of streams that you may read. Absent: all that you may read.").OrNull()
	}
	name := func() *openapi.Schema { return text("What you call it.") }
	keys, tickets := openapi.Of[keyList]("The keys of a developer."), openapi.Of[ticketList]("The tickets of a developer.")
	key, ticket := openapi.Of[madeKey]("A key, with its text."), openapi.Of[madeTicket]("A ticket, with its text.")
	for _, one := range []*openapi.Schema{key, ticket, keys.Properties["keys"].Items, tickets.Properties["tickets"].Items} {
		one.Properties["streams"].Description = "Null: all that its owner may read."
		one.Properties["streams"].OrNull()
	}
	return openapi.Properties{
		"PortalKeys": keys, "PortalKey": key, "PortalTickets": tickets, "PortalTicket": ticket,
		"PortalKeyRequest": openapi.Object("A key to be made.", openapi.Properties{
			"name": name(), "streams": streams(), "actions": openapi.List(openapi.Enum("", Actions...), "What it is for. Absent: to read.").OrNull(),
			"expires_in": span("How long it is good. Absent: as configured.", "720h"),
		}, "name").Closed(),
		"PortalRotateRequest": openapi.Object("A key to be replaced.", openapi.Properties{
			"overlap": span("How long the old key is good still. Absent: 24h.", "24h"),
		}).Closed(),
		"PortalTicketRequest": openapi.Object("A ticket to be made.", openapi.Properties{
			"name": name(), "streams": streams(), "ttl": span("How long it opens streams, and when these end. At most 24h. Absent: as configured.", "30m"),
		}, "name").Closed(),
	}
}
