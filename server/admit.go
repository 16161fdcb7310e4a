package server

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/server/auth"
	"sluice/stream"
)

const (
	maxSubject = 1024 // bytes of ?subject=
	maxFrom    = 64   // bytes of ?from=; an RFC 3339 time is the longest
)

// admission is a request that may have a stream: whose, and where from.
type admission struct {
	principal auth.Principal
	request   stream.Request // but for what the carrier adds
	names     []string       // of request.Streams
}

// admit reads the request, all of which is hostile. It fails with the problem to
// answer with, and says no more to someone without an identity than that.
func (s *Server) admit(r *http.Request) (admission, *problem) {
	principal, err := s.cfg.Auth.Authenticate(r)
	if err != nil {
		s.refused(r, err)
		return admission{}, unidentified(err)
	}
	if r.ContentLength != 0 {
		return admission{}, badRequest("body", "A request for a stream has no body.")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return admission{}, badRequest("query", "The query can't be read.")
	}
	a := admission{principal: principal}
	if a.request.Streams, a.names, err = s.choose(query); err != nil {
		return admission{}, newProblem(http.StatusForbidden, "stream", "Not a stream of yours", err.Error())
	}
	subject := query.Get("subject")
	if len(subject) > maxSubject || !utf8.ValidString(subject) {
		return admission{}, badRequest("subject", "The subject parameter is too long, or not UTF-8.")
	}
	from, err := parseFrom(query.Get("from"))
	if err != nil {
		return admission{}, badRequest("from", "The from parameter is none of live, earliest, last:N (1 to 10000) and since:TIME (RFC 3339).")
	}
	a.request.User = principal.User
	a.request.Subject = subject
	a.request.Cursor = cursor(r, query)
	a.request.From = from
	return a, nil
}

// refused counts a failed identity. What failed that way goes to the log only when it is
// not the caller's doing: auth's own errors are part of every day, and
// anyone could fill a disk with them.
func (s *Server) refused(r *http.Request, err error) {
	var known *auth.Error
	if errors.As(err, &known) {
		s.cfg.Metrics.refused(known.Reason)
		return
	}
	s.cfg.Metrics.refused("internal")
	s.cfg.Logger.ErrorContext(r.Context(), "identity could not be checked", "error", err)
}

// errNotYours is the same for a stream that doesn't exist and for one the caller may not
// read, so that asking doesn't tell which streams there are.
var errNotYours = errors.New("The stream parameter names a stream that doesn't exist, or that you may not read.")

// choose returns the streams asked for, ascending, or all there are.
func (s *Server) choose(query url.Values) (streams []int, names []string, err error) {
	specs := s.cfg.Hub.Specs()
	asked, narrowed := query["stream"]
	for i, spec := range specs {
		if !narrowed || slices.ContainsFunc(asked, func(list string) bool { return inList(list, spec.Name) }) {
			streams = append(streams, i)
			names = append(names, spec.Name)
		}
	}
	for _, list := range asked {
		for name := range strings.SplitSeq(list, ",") {
			if !slices.Contains(names, name) {
				return nil, nil, errNotYours
			}
		}
	}
	return streams, names, nil
}

func inList(list, name string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item == name {
			return true
		}
	}
	return false
}

// cursor finds where to resume: an EventSource sends the header when it reconnects by
// itself, and its URL may still hold the older place it was first opened at.
func cursor(r *http.Request, query url.Values) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return query.Get("lastEventId")
}

func parseFrom(text string) (stream.From, error) {
	if len(text) > maxFrom {
		return stream.From{}, errors.New("too long")
	}
	return stream.ParseFrom(text)
}
