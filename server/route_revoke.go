package server

import (
	"bytes"
	"context"
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

// errRevoked answers who shows a credential that has been revoked.
var errRevoked = &auth.Error{Reason: auth.ReasonRevoked, Detail: "The credential has been revoked.", Challenge: `Bearer realm="sluice", error="invalid_token"`}

// maxRevokeBody is far more than a user and a time take.
const maxRevokeBody = 8 << 10

// postRevoke answers POST /revoke.
func (s *Server) postRevoke(w http.ResponseWriter, r *http.Request) {
	_, body, refused := s.ofBackEnd(w, r, auth.ActionRevoke, "revocation", maxRevokeBody)
	if refused != nil {
		s.deny(w, r, refused)
		return
	}
	now := time.Now()
	revocation, err := readRevocation(bytes.NewReader(body), now)
	if err != nil {
		s.deny(w, r, response.BadRequest("revocation", "The body must be JSON such as {\"user\":\"…\",\"for\":\"24h\"}, or with \"ticket\" instead: "+err.Error()+"."))
		return
	}
	inForce, ended := s.revoke(revocation) // here at once, whatever Kafka says
	s.cfg.Logger.InfoContext(r.Context(), "a back end revoked an identity", "audit", true, "user", inForce.User, "until", inForce.Until, "ended", ended,
		"address", s.cfg.Proxies.Client(r).String()) // a ticket is not named: it is a credential
	err = s.revokeKeys(r.Context(), revocation)
	if s.cfg.Control != nil {
		err = errors.Join(err, s.announce(r.Context(), inForce))
	}
	if err != nil {
		s.cfg.Logger.ErrorContext(r.Context(), "a revocation could not be announced", "error", err)
		p := response.NewProblem(http.StatusServiceUnavailable, "not-announced", "Not in force everywhere",
			"The revocation is in force on this gateway, but the others could not be told. Ask again.")
		p.RetryAfter = s.rules.retry().duration()
		p.Write(w)
		return
	}
	response.JSON(w, http.StatusOK, struct {
		Ended int       `json:"ended"` // streams, of this gateway
		Until time.Time `json:"until"`
	}{ended, inForce.Until})
}

// announce tells the other gateways of a revocation.
func (s *Server) announce(ctx context.Context, r revocation) error {
	message, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and times
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.OpenTimeout)
	defer cancel()
	return s.cfg.Control.Announce(ctx, r.key(), message)
}

// readRevocation reads the body of POST /revoke. Its errors are written to be shown, and
// repeat nothing of it.
func readRevocation(body io.Reader, now time.Time) (revocation, error) {
	var asked struct {
		User   string `json:"user"`
		Ticket string `json:"ticket"`
		For    string `json:"for"` // as Go has durations; absent: 24h
	}
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil {
		return revocation{}, errors.New("it can't be read, or has a field that isn't known")
	}
	if _, err := d.Token(); err != io.EOF {
		return revocation{}, errors.New("something follows after it")
	}
	span := defaultRevocation
	if asked.For != "" {
		var err error
		if span, err = time.ParseDuration(asked.For); err != nil {
			return revocation{}, errors.New("for is no duration")
		}
	}
	now = now.UTC().Truncate(time.Millisecond)
	r := revocation{User: asked.User, Ticket: asked.Ticket, At: now, Until: now.Add(span)}
	return r, r.check()
}

var revokeRoute = describe.Route{Asks: describe.BackEnd, Operation: openapi.Operation{
	ID: "revoke", Tags: []string{describe.TagBackEnds}, Summary: "End a user's or a ticket's streams, and refuse credentials issued before",
	Body: describe.JSONBody("RevocationRequest", map[string]any{"user": "alice", "for": "12h"}),
	Responses: describe.Responses{}.
		JSON(http.StatusOK, "The revocation is in force.", openapi.Ref("Revocation"), nil).
		Problem(http.StatusBadRequest, "The body makes no sense. `detail` says what is wrong.", "revocation").
		Unidentified().
		Problem(http.StatusForbidden, "The API key is not for this.", "scope").
		Problem(http.StatusServiceUnavailable, "The revocation is in force on this gateway, but the others could not be told. Send the request again.", "not-announced"),
}}

// EndUser ends the streams of a user on this gateway, and says how many. What lets the
// user in is not looked at: a client that comes back is asked again.
func (s *Server) EndUser(user string) int { return s.cfg.Hub.EndUser(user) }

// EndTicket ends the streams on this gateway that were opened by the ticket of this id,
// and says how many.
func (s *Server) EndTicket(id string) int { return s.logins.End(auth.TicketKey(id)) }
