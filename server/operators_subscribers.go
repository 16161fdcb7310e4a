package server

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"sluice/server/auth"
	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/stream"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// subscriberList is the body of GET /subscribers.
type subscriberList struct {
	Open        int          `json:"open"` // in all
	Subscribers []subscriber `json:"subscribers"`
	Next        string       `json:"next,omitempty"` // ?after= for those that follow
}

// subscriber is one connection or poll.
type subscriber struct {
	ID          string     `json:"id"`
	User        string     `json:"user,omitempty"`
	Streams     []string   `json:"streams"`
	Subject     string     `json:"subject,omitempty"`
	AnyUser     bool       `json:"any_user,omitempty"`
	Since       time.Time  `json:"since"`
	Address     string     `json:"address,omitempty"`
	Carrier     string     `json:"carrier"`
	State       string     `json:"state"`
	Behind      *int       `json:"behind"` // null while unknown
	BehindSince *time.Time `json:"behind_since,omitempty"`
	Position    string     `json:"position,omitempty"`
}

// listSubscribers answers GET /subscribers.
func (s *Server) listSubscribers(w http.ResponseWriter, r *http.Request) {
	ask, refused := s.readRoll(r)
	if refused != nil {
		refused.Write(w)
		return
	}
	list := subscriberList{Open: s.cfg.Hub.Subscribers(), Subscribers: []subscriber{}}
	next := s.cfg.Hub.VisitSubscribers(ask.user, ask.stream, ask.after, func(sub stream.Subscriber) bool {
		if a, known := s.roster.find(sub.Key); known { // else it is just being opened
			list.Subscribers = append(list.Subscribers, s.subscriber(sub, a))
		}
		return len(list.Subscribers) < ask.limit
	})
	if next != 0 {
		list.Next = strconv.FormatUint(uint64(next), 10)
	}
	response.JSON(w, http.StatusOK, list)
}

func (s *Server) subscriber(sub stream.Subscriber, a connectionInfo) subscriber {
	one := subscriber{
		ID: s.names.of(sub.Key), User: sub.User, Subject: sub.Subject, AnyUser: sub.AnyUser, Streams: s.streamNames(sub.Streams),
		Since: *response.UTC(s.roster.at(a)), Address: a.address(), Carrier: a.by.String(),
		State: string(sub.State), BehindSince: response.UTCOrNil(sub.Since), Position: sub.Position,
	}
	if sub.Behind >= 0 {
		one.Behind = &sub.Behind
	}
	return one
}

func (s *Server) streamNames(streams []int) []string {
	specs := s.cfg.Hub.Specs()
	names := make([]string, len(streams))
	for i, n := range streams {
		names[i] = specs[n].Name
	}
	return names
}

// roll is what a listing asks for.
type roll struct {
	user   string // "": all
	stream int    // -1: all
	limit  int
	after  uint32
}

func (s *Server) readRoll(r *http.Request) (roll, *response.Problem) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return roll{}, response.BadRequest("query", "The query can't be read.")
	}
	ask := roll{user: query.Get("user"), stream: -1}
	if len(ask.user) > auth.MaxUser {
		return roll{}, response.BadRequest("user", "The user parameter is too long.")
	}
	if name := query.Get("stream"); name != "" {
		var known bool
		if ask.stream, known = s.cfg.Hub.Lookup(name); !known {
			return roll{}, unknownStream()
		}
	}
	var refused *response.Problem
	if ask.limit, refused = readLimit(query, defaultPage, maxPage); refused != nil {
		return roll{}, refused
	}
	if text := query.Get("after"); text != "" {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return roll{}, response.BadRequest("after", "The after parameter is not the next of a list before.")
		}
		ask.after = uint32(n)
	}
	return ask, nil
}

// readLimit reads how long a list may be.
func readLimit(query url.Values, fallback, most int) (int, *response.Problem) {
	text := query.Get("limit")
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, response.BadRequest("limit", fmt.Sprintf("The limit parameter is a number from 1 to %d.", most))
	}
	return n, nil
}

// closeSubscriber answers DELETE /subscribers/{id}.
func (s *Server) closeSubscriber(w http.ResponseWriter, r *http.Request) {
	key, ok := s.names.key(chi.URLParam(r, "id"))
	if !ok || !s.cfg.Hub.Sub(key).Dismiss() {
		response.NewProblem(http.StatusNotFound, "subscriber", "There is no such connection", "The connection has gone, or the id is of another run of the gateway.").Write(w)
		return
	}
	s.cfg.Logger.InfoContext(r.Context(), "an operator closed a connection", "subscriber", s.names.of(key))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// subscriberNames are the names by which operators know subscriptions: this run's of the
// gateway, then the subscription's key. The key's generation tells it from others that
// have had its slot, and the run from those of a gateway before. So an old id closes
// nothing.
type subscriberNames struct{ run string }

func newSubscriberNames() subscriberNames {
	var run [6]byte
	rand.Read(run[:]) // never fails
	return subscriberNames{hex.EncodeToString(run[:])}
}

func (n subscriberNames) of(key uint64) string {
	return n.run + "-" + strconv.FormatUint(key>>32, 16) + "-" + strconv.FormatUint(key&(1<<32-1), 16)
}

// key is the other way round; false: it is none of this run's names.
func (n subscriberNames) key(name string) (uint64, bool) {
	parts := strings.Split(name, "-")
	if len(parts) != 3 || parts[0] != n.run {
		return 0, false
	}
	gen, err := strconv.ParseUint(parts[1], 16, 32)
	id, err2 := strconv.ParseUint(parts[2], 16, 32)
	key := gen<<32 | id
	return key, err == nil && err2 == nil && n.of(key) == name
}

// userParameter narrows what operators are shown to one user.
var userParameter = describe.Query("user", "Only connections of this user.", openapi.String(""))

// limitSchema is of a number that readLimit reads.
func limitSchema(fallback, most int) *openapi.Schema {
	s := openapi.Between(1, most, "")
	s.Default = fallback
	return s
}

var subscribersRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "subscribers", Tags: []string{describe.TagOperation}, Summary: "The connections",
	Description: "Streams and polls, in no particular order. A connection that is there all the time is listed once.",
	Parameters: []openapi.Parameter{
		userParameter,
		describe.Query("stream", "Only connections that read this stream.", openapi.String("")),
		describe.Query("limit", "At most so many connections.", limitSchema(defaultPage, maxPage)),
		describe.Query("after", "`next` of the page before.", openapi.Between(0, math.MaxUint32, "")),
	},
	Responses: describe.Responses{}.JSON(http.StatusOK, "One page of connections.", openapi.Ref("Subscribers"), nil).
		Problem(http.StatusBadRequest, "A parameter can't be read.", "query", "user", "limit", "after").
		Problem(http.StatusNotFound, "The stream doesn't exist.", "stream").NotOperator(),
}}

var closeSubscriberRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "closeSubscriber", Tags: []string{describe.TagOperation}, Summary: "Close a connection",
	Description: "The client gets `sluice.closing` with reason `operator`, and comes back by itself. A poll is answered with what it has.",
	Parameters:  []openapi.Parameter{{Name: "id", In: "path", Required: true, Description: "Id of the connection, as listed.", Schema: openapi.String("")}},
	Responses: describe.Responses{}.With(http.StatusNoContent, openapi.Response{Description: "The connection ends now."}).
		Problem(http.StatusForbidden, "A page of another origin asks.", "cross-origin").
		Problem(http.StatusNotFound, "The connection has gone, or the id is of another run of the gateway.", "subscriber").NotOperator(),
}}
