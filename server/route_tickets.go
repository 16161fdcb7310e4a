package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"sluice/server/auth"
	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
)

// maxTicketBody is far more than a user, a subject and some roles take.
const maxTicketBody = 16 << 10

// ticketRequest is the body of POST /tickets.
type ticketRequest struct {
	User    string   `json:"user"`    // either a user, with roles if wanted,
	Roles   []string `json:"roles"`   //
	Stream  string   `json:"stream"`  // or one subject of a stream
	Subject string   `json:"subject"` //
	TTL     string   `json:"ttl"`     // "10m"; "": the configured one
	Once    bool     `json:"once"`    // it opens one stream only
}

// ticketAnswer is what the back end hands on to its page.
type ticketAnswer struct {
	Ticket  string    `json:"ticket"` // for /events?ticket=
	ID      string    `json:"id"`     // to revoke it by
	Expires time.Time `json:"expires"`
}

// tickets answers POST /tickets, which is for back ends: no page has an API key. A
// developer's key is good for less, see [Server.ticketOf].
func (s *Server) tickets(w http.ResponseWriter, r *http.Request) {
	narrow, body, refused := s.ticketAsker(w, r)
	if refused != nil {
		s.refuse(w, r, refused)
		return
	}
	grant, err := s.readGrant(bytes.NewReader(body))
	if err == nil {
		err = grant.Validate()
	}
	if err != nil {
		s.deny(w, r, response.BadRequest("ticket", err.Error()))
		return
	}
	if grant, refused = narrow(grant); refused != nil {
		s.deny(w, r, refused)
		return
	}
	ticket, err := s.cfg.Tickets.Issue(grant)
	if err != nil {
		s.deny(w, r, response.BadRequest("ticket", err.Error()))
		return
	}
	response.JSON(w, http.StatusCreated, ticketAnswer{ticket.Text, ticket.ID, ticket.Expires.UTC()})
}

// readGrant reads what a ticket is for. Its errors are for the back end.
func (s *Server) readGrant(body io.Reader) (auth.Grant, error) {
	var q ticketRequest
	d := json.NewDecoder(body)
	d.DisallowUnknownFields() // a slip of the pen must not widen a ticket
	if err := d.Decode(&q); err != nil {
		return auth.Grant{}, errors.New(`The body must be JSON: {"user":…} or {"stream":…,"subject":…}, with "roles", "ttl" and "once" if wanted.`)
	}
	if _, err := d.Token(); err != io.EOF {
		return auth.Grant{}, errors.New("The body goes on after its JSON.")
	}
	g := auth.Grant{User: q.User, Roles: q.Roles, Stream: q.Stream, Subject: q.Subject, Once: q.Once}
	if q.TTL != "" {
		ttl, err := time.ParseDuration(q.TTL)
		if err != nil || ttl <= 0 {
			return g, errors.New(`The ttl is no duration such as "10m".`)
		}
		g.TTL = ttl
	}
	if _, ok := s.cfg.Hub.Lookup(q.Stream); q.Stream != "" && !ok {
		return g, errors.New("There is no such stream.")
	}
	return g, nil
}

var ticketsRoute = describe.Route{Asks: describe.BackEnd, Operation: openapi.Operation{
	ID: "ticket", Tags: []string{describe.TagBackEnds}, Summary: "Create a ticket, with which a page opens /events?ticket=…",
	Description: "A ticket is for a user, or for one subject of a stream, whatever user its events belong to (guest checkout).",
	Body:        describe.JSONBody("TicketRequest", map[string]any{"stream": "orders", "subject": "o-77", "ttl": "30m"}),
	Responses: describe.Responses{}.
		JSON(http.StatusCreated, "The ticket.", openapi.Ref("Ticket"), nil).
		Problem(http.StatusBadRequest, "The body makes no sense, or the stream doesn't exist.", "ticket").
		Unidentified().
		Problem(http.StatusForbidden, "A key asks for more than it is for.", "scope").
		Problem(http.StatusServiceUnavailable, "Whether a developer's key is good can't be told now.", "unavailable"),
}}
