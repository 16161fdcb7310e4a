package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/server/auth"
	"sluice/server/deprecation"
	"sluice/server/describe"
	"sluice/server/limit"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/stream"
	"sluice/stream/cursor"
)

const (
	maxFrom = 64 // bytes of ?from=; an RFC 3339 time is the longest
)

// admission is a request that may have a stream: whose, and where from.
type admission struct {
	principal  auth.Principal
	request    stream.Request                 // but for what the carrier adds
	names      []string                       // of request.Streams
	snapshot   bool                           // begins with the state
	notes      []string                       // of the id that it resumes at
	deprecated map[string]*deprecation.Notice // of names
	crowds     bool                           // its user has no room for it: the oldest stream is to give way, see makeRoom
}

// admit reads the request, all of which is hostile. It fails with the problem to
// answer with, and says no more to someone without an identity than that.
func (s *Server) admit(r *http.Request) (admission, *response.Problem) {
	principal, unknown := s.identify(r)
	if unknown != nil && !s.public(unknown) {
		if unknown.Anonymous {
			s.cfg.Metrics.Refused(auth.ReasonMissing)
		}
		return admission{}, unknown
	}
	if !principal.Allows(auth.ActionRead) {
		return admission{}, outOfScope("Your key is not for reading events.")
	}
	if r.ContentLength != 0 {
		return admission{}, response.BadRequest("body", "A request for a stream has no body.")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return admission{}, response.BadRequest("query", "The query can't be read.")
	}
	a := admission{principal: principal}
	a.request.Streams, a.names, a.request.Denied, err = s.choose(query, principal)
	if errors.Is(err, stream.ErrWithdrawn) {
		return admission{}, s.mustWait(withdrawn.String())
	}
	if err != nil {
		if unknown != nil {
			s.cfg.Metrics.Refused(auth.ReasonMissing)
			return admission{}, unknown
		}
		s.cfg.Hub.Decisions().Denied(principal.User, a.request.Denied)
		return admission{}, response.NewProblem(http.StatusForbidden, "stream", "You may not read this stream", err.Error())
	}
	a.leaveOut(s.absence.Mask(s.cfg.Source, time.Now()))
	var refused *response.Problem
	if a.request.Filter, a.request.AnyUser, refused = filterOf(query, principal); refused != nil {
		return admission{}, refused
	}
	from, err := parseFrom(query.Get("from"))
	if err != nil {
		return admission{}, response.BadRequest("from", fmt.Sprintf("The from parameter is none of live, earliest, last:N (1 to %d) and since:TIME (RFC 3339).", stream.MaxLast))
	}
	if a.snapshot, err = wantsSnapshot(query); err != nil {
		return admission{}, response.BadRequest("snapshot", err.Error())
	}
	a.request.User = principal.User
	a.request.Cursor, a.notes = cursorOf(r, query)
	a.request.Note = principal.Note
	a.request.From = from
	return a, nil
}

// leaveOut takes the streams that are absent out of a request, unless nothing would be
// left.
func (a *admission) leaveOut(absent uint64) {
	is := func(i int) bool { return absent&(1<<i) != 0 }
	if absent == 0 || !slices.ContainsFunc(a.request.Streams, func(i int) bool { return !is(i) }) {
		return
	}
	var streams []int
	var names []string
	for n, i := range a.request.Streams {
		if is(i) {
			a.request.Absent = append(a.request.Absent, i)
		} else {
			streams, names = append(streams, i), append(names, a.names[n])
		}
	}
	a.request.Streams, a.names = streams, names
}

// noteDeprecated says in an answer's header which of its streams are deprecated, and
// keeps it for sluice.hello.
func (s *Server) noteDeprecated(w http.ResponseWriter, a *admission) {
	mayRead := func(name string) bool { return s.mayRead(a.principal, name) }
	s.cfg.Deprecated.SetHeader(w.Header(), a.names, mayRead)
	a.deprecated = s.cfg.Deprecated.Notices(a.names, mayRead)
}

// identify finds out who is asking. It fails with the problem to answer with. A request
// without credentials is not counted as a failure here: the caller may have an answer for
// it.
func (s *Server) identify(r *http.Request) (auth.Principal, *response.Problem) {
	if twice := doubled(r.URL.Query()); twice != nil {
		return auth.Principal{}, twice
	}
	if !s.caughtUp() { // somebody may have been shut out
		return auth.Principal{}, s.mustWait("warming")
	}
	principal, err := s.cfg.Auth.Authenticate(r.WithContext(auth.WithCaller(r.Context(), s.caller(r))))
	if err == nil {
		err = s.over(principal)
	}
	if err == nil {
		s.requests.caller(r, principal.User)
		return principal, nil
	}
	if errors.Is(err, auth.ErrUnavailable) || r.Context().Err() != nil {
		s.requests.undecided(err)
		return auth.Principal{}, s.mustWait(identity)
	}
	p := response.Unidentified(err)
	if !p.Anonymous {
		s.refused(r, err)
	} else if s.lookedFor != "" {
		p.Detail += " The gateway looked for " + s.lookedFor + "."
	}
	return auth.Principal{}, p
}

// caller is the address that an identity is asked for from, as limits count it.
func (s *Server) caller(r *http.Request) netip.Addr {
	if ip := s.cfg.Proxies.Client(r); limit.Counts(ip) {
		return limit.Network(ip)
	}
	return netip.Addr{}
}

// public reports whether a request without an identity may go on: it carries no
// credentials, and there are streams for anyone. Credentials that are refused are not
// ignored.
func (s *Server) public(unknown *response.Problem) bool {
	return unknown.Anonymous && s.forAnyone
}

// refused counts a failed identity. What failed that way goes to the log only when it is
// not the caller's doing. auth's own errors are part of every day, and anyone could fill
// a disk with them.
func (s *Server) refused(r *http.Request, err error) {
	var known *auth.Error
	if errors.As(err, &known) {
		s.cfg.Metrics.Refused(known.Reason)
		return
	}
	s.cfg.Metrics.Refused("internal")
	s.cfg.Logger.ErrorContext(r.Context(), "identity could not be checked", "error", err)
}

// errNotYours is the same for a stream that doesn't exist and for one the caller may not
// read, so that asking doesn't tell which streams there are.
var errNotYours = errors.New("The stream parameter names a stream that doesn't exist, or that you may not read.")

// errNoneYours is for a caller who names no stream and may read none.
var errNoneYours = errors.New("There is no stream that you may read.")

// choose returns the streams asked for, ascending, or all that the caller may read and
// that are in service; and, as a set of bits, those it may not read.
func (s *Server) choose(query url.Values, who auth.Principal) (streams []int, names []string, denied uint64, err error) {
	specs := s.cfg.Hub.Specs()
	out := false // some are out of service
	asked, narrowed := query["stream"]
	for i, spec := range specs {
		wanted := !narrowed || slices.ContainsFunc(asked, func(list string) bool { return inList(list, spec.Name) })
		switch {
		case !wanted:
		case s.mayRead(who, spec.Name):
			if !narrowed && s.cfg.Hub.IsWithdrawn(i) {
				out = true
				continue
			}
			streams = append(streams, i)
			names = append(names, spec.Name)
		default:
			denied |= 1 << i
		}
	}
	for _, list := range asked {
		for name := range strings.SplitSeq(list, ",") {
			if !slices.Contains(names, name) {
				return nil, nil, denied, errNotYours
			}
		}
	}
	if len(streams) == 0 && out {
		return nil, nil, denied, stream.ErrWithdrawn
	}
	if len(streams) == 0 {
		return nil, nil, denied, errNoneYours
	}
	return streams, names, denied, nil
}

// mayRead decides about one stream. What an audience of users gets of it is the hub's to
// see to.
func (s *Server) mayRead(who auth.Principal, name string) bool {
	access := s.cfg.Access[name]
	switch {
	case who.Streams != nil && !slices.Contains(who.Streams, name):
		return false
	case slices.Contains(access, auth.Anyone):
		return true
	case who.User == "":
		return who.Subject != "" // a ticket for a subject of this very stream
	case len(access) == 0:
		return true
	}
	return slices.ContainsFunc(access, func(role string) bool { return slices.Contains(who.Roles, role) })
}

func inList(list, name string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item == name {
			return true
		}
	}
	return false
}

// cursorOf finds where to resume: an EventSource sends the header when it reconnects by
// itself, and its URL may still hold the older position it was first opened at. For the
// same reason the last of several counts: a polyfill appends its own to that URL. The
// notes are those of the newest id; that one may have no position yet.
func cursorOf(r *http.Request, query url.Values) (position string, notes []string) {
	// A browser or a proxy joins the lines of one header by commas, which no id has.
	header := lastSet(strings.Split(strings.Join(r.Header.Values("Last-Event-ID"), ","), ","))
	param := lastSet(query["lastEventId"])
	if header == "" {
		return cursor.SplitNotes(param)
	}
	if position, notes = cursor.SplitNotes(header); position == "" {
		position, _ = cursor.SplitNotes(param)
	}
	return position, notes
}

// lastSet returns the last value that is not empty.
func lastSet(values []string) string {
	for _, value := range slices.Backward(values) {
		if value = strings.TrimSpace(value); value != "" {
			return value
		}
	}
	return ""
}

// once are the parameters of which a request can have one value only. (Parameters
// stream, subject and event add to the one before. Of several positions the last counts.)
var once = []string{"format", "from", "snapshot", "ticket", "user", "wait"}

// doubled returns the problem of a request that has two values of such a parameter. To
// follow only one of them would leave out the other in silence.
func doubled(query url.Values) *response.Problem {
	for _, name := range once {
		if values := query[name]; len(values) > 1 && slices.ContainsFunc(values, func(v string) bool { return v != values[0] }) {
			return response.BadRequest(name, "The "+name+" parameter is there more than once, with different values.")
		}
	}
	return nil
}

func parseFrom(text string) (stream.From, error) {
	if len(text) > maxFrom {
		return stream.From{}, errors.New("too long")
	}
	return stream.ParseFrom(text)
}

const (
	maxSubject = 1024 // bytes of one subject
	maxEvent   = 200  // bytes of one event's name; no event has a longer one
)

// filterOf reads what a request narrows its streams to. any says that it follows the
// subject of a ticket, whatever user its events belong to.
func filterOf(query url.Values, who auth.Principal) (f stream.Filter, anyUser bool, refused *response.Problem) {
	return narrow(stream.NewFilter(query["subject"], strings.Split(strings.Join(query["event"], ","), ",")), who)
}

// narrow is a filter that somebody asks for, as far as they may. A ticket's is narrowed
// to its subject.
func narrow(f stream.Filter, who auth.Principal) (_ stream.Filter, anyUser bool, refused *response.Problem) {
	if refused = checkNames("subject", f.Subjects(), maxSubject); refused == nil {
		refused = checkNames("event", f.Events(), maxEvent)
	}
	if refused != nil || who.Subject == "" {
		return f, false, refused
	}
	if slices.ContainsFunc(f.Subjects(), func(s string) bool { return s != who.Subject }) {
		return f, false, response.NewProblem(http.StatusForbidden, "subject", "You may not read this subject", "The subject parameter names one that your ticket is not for.")
	}
	return stream.NewFilter([]string{who.Subject}, f.Events()), who.User == "", nil
}

// checkNames refuses too many names, and names that nothing can have.
func checkNames(parameter string, names []string, longest int) *response.Problem {
	if len(names) > stream.MaxFilter {
		return response.BadRequest(parameter, fmt.Sprintf("The %s parameter has %d values. It may have at most %d.", parameter, len(names), stream.MaxFilter))
	}
	if slices.ContainsFunc(names, func(name string) bool { return len(name) > longest || !utf8.ValidString(name) }) {
		return response.BadRequest(parameter, fmt.Sprintf("The %s parameter is too long, or not UTF-8.", parameter))
	}
	return nil
}

// What filterOf reads.
var (
	subjectParameter = describe.Query("subject", fmt.Sprintf("Only what is about this subject, of at most %d bytes of UTF-8. The parameter may be repeated, for up to %d subjects.", maxSubject, stream.MaxFilter),
		openapi.List(openapi.String(""), ""))
	eventParameter = describe.List(describe.Query("event", fmt.Sprintf("Only events of these names, up to %d. `message` stands for events without a name. It narrows events and polls, but no state and no snapshot. The gateway's own events always come.", stream.MaxFilter),
		openapi.List(openapi.String(""), "")))
)
