package server

import (
	"net/http"
	"slices"
	"time"

	"sluice/server/auth"
	"sluice/server/deprecation"
	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/stream"
)

// discoveryVersion is raised when something goes from a [discovery], or changes its
// meaning.
const discoveryVersion = 1

// discovery is the body of /.well-known/sluice: for programs, what the caller may read,
// and how. A caller without credentials is told how to show some, and no stream that
// isn't for anyone.
type discovery struct {
	Version int               `json:"version"`
	Caller  *discoveredCaller `json:"caller"` // null: nobody
	Streams []discoveredView  `json:"streams"`
	Auth    []auth.Way        `json:"auth"`
	Routes  []discoveredRoute `json:"routes"`
	Events  discoveredEvents  `json:"events"`
	Resume  discoveredResume  `json:"resume"`
	Limits  discoveredLimits  `json:"limits"`
}

type discoveredCaller struct {
	User    string     `json:"user,omitempty"`
	Roles   []string   `json:"roles,omitempty"`
	Subject string     `json:"subject,omitempty"` // of a ticket
	Expires *time.Time `json:"expires,omitempty"`
}

// discoveredView is a stream that the caller may read.
type discoveredView struct {
	Name     string `json:"name"`
	Audience string `json:"audience"` // user, everyone
	Subject  bool   `json:"subject"`  // ?subject= narrows it
	State    bool   `json:"state"`    // /state has it

	Deprecated *deprecation.Notice `json:"deprecated,omitempty"`
}

type discoveredRoute struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

type discoveredEvents struct {
	Heartbeat tick      `json:"heartbeat_ms"`
	Retry     retrySpan `json:"retry_ms"`
	MaxAge    *tick     `json:"max_age_ms"` // null: none
}

type retrySpan struct {
	Min tick `json:"min"`
	Max tick `json:"max"`
}

type discoveredResume struct {
	Header  string   `json:"header"`
	Query   string   `json:"query"`
	From    []string `json:"from"`
	MaxLast int      `json:"max_last"`
}

type discoveredLimits struct {
	PerUser      *int `json:"streams_per_user"` // null: none
	SubjectBytes int  `json:"subject_bytes"`
	Wait         tick `json:"wait_ms"`
	PageBytes    int  `json:"page_bytes"`
}

// discover answers GET and HEAD /.well-known/sluice.
func (s *Server) discover(w http.ResponseWriter, r *http.Request) {
	principal, unknown := s.identify(r)
	if unknown != nil && !unknown.Anonymous {
		s.deny(w, r, unknown)
		return
	}
	d := s.discovery
	d.Streams = s.readable(principal)
	if unknown == nil {
		d.Caller = &discoveredCaller{User: principal.User, Roles: principal.Roles, Subject: principal.Subject}
		if !principal.Expires.IsZero() {
			d.Caller.Expires = response.UTC(principal.Expires)
		}
	}
	setStateHeader(w.Header())
	s.writeBody(w, r, response.MustJSON(d))
}

// readable are the streams that a principal may read.
func (s *Server) readable(who auth.Principal) []discoveredView {
	views := []discoveredView{}
	for _, spec := range s.cfg.Hub.Specs() {
		if s.mayRead(who, spec.Name) {
			views = append(views, s.view(spec, func(name string) bool { return s.mayRead(who, name) }))
		}
	}
	return views
}

func (s *Server) view(spec stream.Spec, mayRead deprecation.Reader) discoveredView {
	v := discoveredView{
		Name: spec.Name, Audience: "user", Subject: slices.Contains(s.cfg.Subjects, spec.Name), State: spec.State.MaxBytes > 0,
		Deprecated: s.cfg.Deprecated.Notice(spec.Name, mayRead),
	}
	if spec.Audience == stream.AudienceEveryone {
		v.Audience = "everyone"
	}
	return v
}

// discoverable is what a discovery says to everybody.
func (s *Server) discoverable(routes []discoveredRoute) discovery {
	d := discovery{
		Version: discoveryVersion,
		Auth:    auth.Ways(s.cfg.Auth),
		Routes:  routes,
		Events:  discoveredEvents{Heartbeat: ticks(s.cfg.Heartbeat), Retry: retrySpan{s.rules.retryMin, s.rules.retryMax}},
		Resume:  discoveredResume{Header: "Last-Event-ID", Query: "lastEventId", From: []string{"live", "earliest", "last:N", "since:TIME"}, MaxLast: stream.MaxLast},
		Limits:  discoveredLimits{SubjectBytes: maxSubject, Wait: ticks(maxWait), PageBytes: pageBytes},
	}
	if d.Auth == nil {
		d.Auth = []auth.Way{}
	}
	if age := ticks(s.cfg.MaxAge); age > 0 {
		d.Events.MaxAge = &age
	}
	if most := s.cfg.Limits.PerUser; most > 0 {
		d.Limits.PerUser = &most
	}
	return d
}

// discoveryOperation describes what discover answers.
func discoveryOperation(id, tag string) openapi.Operation {
	return openapi.Operation{
		ID: id, Tags: []string{tag}, Summary: "What the caller may read, and how",
		Description: "Without credentials it says how to show them, and what anyone may read.",
		Responses: describe.Responses{}.JSON(http.StatusOK, "The streams, routes and limits for the caller.", openapi.Ref("Discovery"), nil).
			Problem(http.StatusBadRequest, "A parameter is given twice.", once...).
			Unidentified().Unavailable(false).Failed(),
	}
}
