package operators

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

// SubscriberList is the body of GET /subscribers.
type SubscriberList struct {
	Open        int          `json:"open"` // in all
	Subscribers []Subscriber `json:"subscribers"`
	Next        string       `json:"next,omitempty"` // ?after= for those that follow
}

// Subscriber is one connection or poll.
type Subscriber struct {
	ID      string   `json:"id"`
	User    string   `json:"user,omitempty"`
	Streams []string `json:"streams"`
	narrowed
	AnyUser     bool       `json:"any_user,omitempty"`
	Since       time.Time  `json:"since"`
	Address     string     `json:"address,omitempty"`
	Carrier     string     `json:"carrier"`
	State       string     `json:"state"`
	Behind      *int       `json:"behind"` // null while unknown
	BehindSince *time.Time `json:"behind_since,omitempty"`
	Position    string     `json:"position,omitempty"`
}

// narrowed is what a connection is narrowed to.
type narrowed struct {
	Subject  string   `json:"subject,omitempty"`  // the only one
	Subjects []string `json:"subjects,omitempty"` // where they are several
	Events   []string `json:"events,omitempty"`
}

func narrowedTo(f stream.Filter) narrowed {
	n := narrowed{Events: f.Events()}
	if subjects := f.Subjects(); len(subjects) == 1 {
		n.Subject = subjects[0]
	} else {
		n.Subjects = subjects
	}
	return n
}

// Subscribers answers GET /subscribers.
func (o *Operators) Subscribers(w http.ResponseWriter, r *http.Request) {
	ask, refused := o.readListing(r)
	if refused != nil {
		refused.Write(w)
		return
	}
	list := SubscriberList{Open: o.Streams.Hub.Subscribers(), Subscribers: []Subscriber{}}
	next := o.Streams.Hub.VisitSubscribers(ask.user, ask.stream, ask.after, func(sub stream.Subscriber) bool {
		if one, known := o.Subscriber(sub); known {
			list.Subscribers = append(list.Subscribers, one)
		}
		return len(list.Subscribers) < ask.limit
	})
	if next != 0 {
		list.Next = strconv.FormatUint(uint64(next), 10)
	}
	response.JSON(w, http.StatusOK, list)
}

// Subscriber is a connection as operators are told; false: it is just being opened.
func (o *Operators) Subscriber(sub stream.Subscriber) (one Subscriber, known bool) {
	c, known := o.Came(sub.Key)
	if !known {
		return Subscriber{}, false
	}
	one = Subscriber{
		ID: o.names.of(sub.Key), User: sub.User, narrowed: narrowedTo(sub.Filter), AnyUser: sub.AnyUser, Streams: o.streamNames(sub.Streams),
		Since: *response.UTC(c.Since), Address: c.Address, Carrier: c.Carrier,
		State: string(sub.State), BehindSince: response.UTCOrNil(sub.Since), Position: sub.Position,
	}
	if sub.Behind >= 0 {
		one.Behind = &sub.Behind
	}
	return one, true
}

func (o *Operators) streamNames(streams []int) []string {
	specs := o.Streams.Hub.Specs()
	names := make([]string, len(streams))
	for i, n := range streams {
		names[i] = specs[n].Name
	}
	return names
}

// listing is what a list of connections is asked for.
type listing struct {
	user   string // "": all
	stream int    // -1: all
	limit  int
	after  uint32
}

func (o *Operators) readListing(r *http.Request) (listing, *response.Problem) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return listing{}, response.BadRequest("query", "The query can't be read.")
	}
	ask := listing{user: query.Get("user"), stream: -1}
	if len(ask.user) > auth.MaxUser {
		return listing{}, response.BadRequest("user", "The user parameter is too long.")
	}
	if name := query.Get("stream"); name != "" {
		var known bool
		if ask.stream, known = o.Streams.Hub.Lookup(name); !known {
			return listing{}, unknownStream()
		}
	}
	var refused *response.Problem
	if ask.limit, refused = readLimit(query, defaultPage, maxPage); refused != nil {
		return listing{}, refused
	}
	if text := query.Get("after"); text != "" {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return listing{}, response.BadRequest("after", "The after parameter is not the next of a list before.")
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

// CloseSubscriber answers DELETE /subscribers/{id}.
func (o *Operators) CloseSubscriber(w http.ResponseWriter, r *http.Request) {
	key, ok := o.names.key(chi.URLParam(r, "id"))
	if !ok || !o.Streams.Hub.Sub(key).Dismiss() {
		response.NewProblem(http.StatusNotFound, "subscriber", "There is no such connection", "The connection has gone, or the id is of another run of the gateway.").Write(w)
		return
	}
	o.Logger.InfoContext(r.Context(), "an operator closed a connection", "audit", true, "subscriber", o.names.of(key))
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
