package server

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"sluice/server/auth"
	"sluice/server/portal"
	"sluice/server/response"
	"sluice/stream"
)

// portalHost is what the portal asks of the server. Its routes are in server/portal.
type portalHost struct{ s *Server }

var _ portal.Host = portalHost{}

// servePortal gives the portal its server.
func (s *Server) servePortal() {
	p := s.cfg.Portal
	p.Serve(portalHost{s})
	s.cfg.Metrics.WatchPortal(p.Size, p.Refused, func() time.Time {
		since, _ := p.Unheard()
		return since
	})
}

// Login implements [portal.Host].
func (h portalHost) Login(r *http.Request) (auth.Principal, *response.Problem) {
	identify := h.s.identifyToChange
	if r.Method == http.MethodGet {
		identify = h.s.identify
	}
	who, refused := identify(r)
	if refused != nil && refused.Anonymous {
		h.s.cfg.Metrics.Refused(auth.ReasonMissing)
	}
	return who, refused
}

// Deny implements [portal.Host].
func (h portalHost) Deny(w http.ResponseWriter, r *http.Request, p *response.Problem) {
	h.s.refuse(w, r, p)
}

// MayRead implements [portal.Host].
func (h portalHost) MayRead(who auth.Principal, name string) bool {
	_, known := h.s.cfg.Hub.Lookup(name)
	return known && h.s.mayRead(who, name)
}

// ReadBody implements [portal.Host].
func (h portalHost) ReadBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	body, refused := wholeBody(w, r, "portal", most)
	if refused != nil {
		return nil, refused
	}
	return body, nil
}

// EndLogin implements [portal.Host].
func (h portalHost) EndLogin(key auth.LoginKey) int { return h.s.logins.End(key) }

// Address implements [portal.Host].
func (h portalHost) Address(r *http.Request) string { return h.s.cfg.Proxies.Client(r).String() }

// RetryAfter implements [portal.Host].
func (h portalHost) RetryAfter() time.Duration { return h.s.rules.retry().duration() }

// over says why what a principal was let in by is over; nil: it isn't.
func (s *Server) over(who auth.Principal) error {
	if s.revoked.refuses(who, time.Now()) {
		return errRevoked
	}
	if s.cfg.Portal == nil {
		return nil
	}
	return s.cfg.Portal.Check(who)
}

// revokeKeys revokes the keys and tickets that a revoked user has made in the portal.
// They may last longer than the revocation, so they end permanently.
func (s *Server) revokeKeys(ctx context.Context, r revocation) error {
	if s.cfg.Portal == nil || r.User == "" {
		return nil
	}
	_, err := s.cfg.Portal.RevokeOwner(ctx, r.User, r.At.Add(time.Second).Truncate(time.Second)) // as refuses has it
	return err
}

func outOfScope(detail string) *response.Problem {
	return response.NewProblem(http.StatusForbidden, "scope", "The key is not for this", detail)
}

// narrowing is what the ticket of a key may be, of what the key's holder asks for.
type narrowing func(auth.Grant) (auth.Grant, *response.Problem)

// ticketAsker finds out who asks for a ticket, and reads the body.
func (s *Server) ticketAsker(w http.ResponseWriter, r *http.Request) (narrow narrowing, body []byte, refused *response.Problem) {
	if s.cfg.Portal == nil || !auth.ShowsPortalKey(r) {
		key, body, refused := s.ofBackEnd(w, r, auth.ActionTickets, "ticket", maxTicketBody)
		return func(g auth.Grant) (auth.Grant, *response.Problem) { return ofBackEndsKey(key, g) }, body, refused
	}
	who, refused := s.identify(r)
	switch {
	case refused != nil:
		return nil, nil, refused
	case who.Key == "" || who.Ticket != "" || !who.Allows(auth.ActionTickets):
		return nil, nil, outOfScope("Your key is not for tickets.")
	}
	body, refused = wholeBody(w, r, "ticket", maxTicketBody)
	return func(g auth.Grant) (auth.Grant, *response.Problem) { return s.ticketOf(who, g) }, body, refused
}

// ofBackEndsKey narrows a ticket to the streams of the key that it is made with.
func ofBackEndsKey(key auth.APIKey, g auth.Grant) (auth.Grant, *response.Problem) {
	switch {
	case key.Streams == nil:
	case g.User != "":
		g.Streams = key.Streams
	case !slices.Contains(key.Streams, g.Stream):
		return g, outOfScope("The API key is not for this stream.")
	}
	return g, nil
}

// ticketOf is the ticket that a developer's key may have of what it asks for: nothing
// that the key itself doesn't open. It ends with the key.
func (s *Server) ticketOf(who auth.Principal, g auth.Grant) (auth.Grant, *response.Problem) {
	switch {
	case g.User == "":
		i, _ := s.cfg.Hub.Lookup(g.Stream)
		if !s.mayRead(who, g.Stream) || s.cfg.Hub.Specs()[i].Audience != stream.AudienceEveryone {
			return g, outOfScope("A key's ticket for a subject is of a stream that the key reads, and whose events are everyone's.")
		}
	case g.User != who.User:
		return g, outOfScope("A key's ticket is for the key's owner.")
	case slices.ContainsFunc(g.Roles, func(role string) bool { return !slices.Contains(who.Roles, role) }):
		return g, outOfScope("A key's ticket has no roles that the key's owner had not.")
	default:
		g.Streams = who.Streams
		if g.Roles == nil {
			g.Roles = who.Roles[:min(len(who.Roles), auth.MaxRoles)]
		}
	}
	g.Key = who.Key
	g.TTL = max(min(cmp.Or(g.TTL, s.cfg.Tickets.UsualTTL()), time.Until(who.Expires)), time.Millisecond)
	return g, nil
}
