package server

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
)

// Source says how far each stream's reader is. It is declared here, where it is
// called; what reads Kafka implements it. Status is called concurrently and must
// answer from memory.
type Source interface {
	Status() []StreamStatus
}

// StreamStatus is the state of one stream's reader.
type StreamStatus struct {
	Name       string
	Topic      string
	Fetching   bool      // records are being read
	Warm       bool      // the replay window has been read
	Behind     int64     // records up to the last stable offset; -1 while unknown, as it is while Kafka is away
	LSOLag     int64     // records between the last stable offset and the high watermark, which open transactions hold back; -1 while unknown
	StaleSince time.Time // Kafka hasn't answered since, or no fetch has succeeded; zero: it answers
	Answered   time.Time // when Kafka last did; zero: never yet
	Waiting    string    // what for, while it is not fetching, or why it is withdrawn; no secret in it
	Withdrawn  bool      // it is not served, whatever its reader does

	// UnreadableSince is since when its topic doesn't exist, may not be read, or has
	// partitions without a leader; zero: none of that.
	UnreadableSince time.Time

	// HeldSince is since when a record holds one of its partitions; zero: none does.
	// Stopped says that its rules want it so, until they change; else the record's
	// schema is awaited.
	HeldSince time.Time
	Stopped   bool

	Records    uint64            // read
	Events     uint64            // made of them
	Refused    map[string]uint64 // records with something wrong, by reason, each reason listed; a record may have several
	Partitions []PartitionStatus
	Jumps      map[string]uint64 // times that its reader had to go on elsewhere, by reason

	CatchupFailures uint64 // times that something older than memory was wanted and could not be had from Kafka
}

// PartitionStatus is how far a partition has been read.
type PartitionStatus struct {
	Next int64 // the next offset to read
	End  int64 // the last stable offset as last asked; -1 while unknown
}

// readiness is the body of /readyz.
type readiness struct {
	Ready    bool              `json:"ready"`
	Draining bool              `json:"draining,omitempty"`
	Unread   bool              `json:"revocations_unread,omitempty"` // those of before the start
	Streams  []streamReadiness `json:"streams"`

	// Control is there while revocations of other gateways may be missed. The gateway stays
	// ready: all gateways not ready at once would have the load balancer answer 503, which
	// ends every page permanently.
	Control *controlReadiness `json:"control_topic,omitempty"`
}

// controlReadiness says that the control topic isn't heard.
type controlReadiness struct {
	UnheardSince string `json:"unheard_since"`
	Why          string `json:"why"`
}

type streamReadiness struct {
	Name       string `json:"name"`
	Topic      string `json:"topic"`
	Ready      bool   `json:"ready"`
	Fetching   bool   `json:"fetching"`
	Warm       bool   `json:"warm"`
	Behind     *int64 `json:"behind"` // null while unknown
	LSOLag     int64  `json:"lso_lag,omitempty"`
	StaleSince string `json:"stale_since,omitempty"`
	Waiting    string `json:"waiting,omitempty"`
}

// heldUp is how long a topic that can't be read keeps a gateway from becoming ready: long
// enough for a look at Kafka that came too early, and no longer.
const heldUp = 10 * time.Second

// ready says whether a load balancer should send new streams here. was says that the
// gateway has been ready before.
//
// Until then it waits for every stream to be read once. A topic that doesn't exist, may
// not be read or has partitions without a leader holds it up for heldUp. It may stay so,
// and the other streams can be served. Afterwards no fault of a stream counts. Only when
// Kafka has answered for none of them for grace is the gateway not ready. A stream that
// is withdrawn counts for nothing: no restart would help it. Within grace it serves from
// memory. All gateways not ready at once would have the load balancer answer 503, which
// ends every page permanently. Nor does a stream count that a record
// holds: another gateway would be held as well.
func ready(statuses []StreamStatus, isDraining, unread, was bool, grace time.Duration, now time.Time) readiness {
	r := readiness{Draining: isDraining, Unread: unread, Streams: []streamReadiness{}}
	warmed, silent := true, len(statuses) > 0
	for _, s := range statuses {
		isHeld := !s.HeldSince.IsZero()
		isSilent := !s.StaleSince.IsZero() && now.Sub(s.StaleSince) >= grace
		silent = silent && (isSilent && !isHeld || s.Withdrawn)
		warmed = warmed && (s.Warm || s.heldUp(now) || s.Withdrawn || isHeld)
		one := streamReadiness{
			Name: s.Name, Topic: s.Topic, Fetching: s.Fetching, Warm: s.Warm, Waiting: s.Waiting,
			Ready: s.Warm && !isSilent && !s.Withdrawn && !s.Stopped,
		}
		if s.Behind >= 0 {
			one.Behind = &s.Behind
		}
		one.LSOLag = max(0, s.LSOLag)
		if !s.StaleSince.IsZero() {
			one.StaleSince = stamp(s.StaleSince)
		}
		r.Streams = append(r.Streams, one)
	}
	r.Ready = !isDraining && !unread && !silent && (was || warmed)
	return r
}

// readiness says how ready the gateway is with these streams.
func (s *Server) readiness(statuses []StreamStatus, now time.Time) readiness {
	r := ready(statuses, s.gate.isShut(), !s.caughtUp(), s.wasReady.Load(), s.cfg.ReadyGrace, now)
	r.Control = s.unheard()
	if r.Ready {
		s.wasReady.Store(true)
	}
	return r
}

// readyz answers 200 or 503, each with the same body: for the gateway, or for the streams
// of ?stream= alone.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	state := s.readiness(s.cfg.Source.Status(), time.Now())
	if asked := r.URL.Query()["stream"]; len(asked) > 0 {
		var unknown *response.Problem
		if state, unknown = state.of(asked); unknown != nil {
			unknown.Write(w)
			return
		}
	}
	status := http.StatusOK
	if !state.Ready {
		status = http.StatusServiceUnavailable
	}
	response.JSON(w, status, state)
}

// of narrows it to streams by name, lists with commas among them. It is ready when each
// of them is, and the gateway takes streams at all.
func (r readiness) of(asked []string) (readiness, *response.Problem) {
	r.Ready = !r.Draining && !r.Unread
	all := r.Streams
	r.Streams = []streamReadiness{}
	for _, list := range asked {
		for name := range strings.SplitSeq(list, ",") {
			at := slices.IndexFunc(all, func(s streamReadiness) bool { return s.Name == name })
			if at < 0 {
				return r, unknownStream()
			}
			r.Ready = r.Ready && all[at].Ready
			r.Streams = append(r.Streams, all[at])
		}
	}
	return r, nil
}

// livez answers whenever the process can: what waits for Kafka is alive, and to restart
// it would not help.
func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	response.JSON(w, http.StatusOK, struct {
		Live bool `json:"live"`
	}{true})
}

var livezRoute = describe.Route{Operation: openapi.Operation{
	ID: "livez", Tags: []string{describe.TagHealth}, Summary: "Whether the process can answer",
	Description: "A gateway that waits for Kafka is alive: a restart would not help.",
	Responses:   describe.Responses{}.JSON(http.StatusOK, "The process answers.", openapi.Object("", openapi.Properties{"live": openapi.Bool("")}, "live"), nil),
}}

var readyzRoute = describe.Route{Operation: openapi.Operation{
	ID: "readyz", Tags: []string{describe.TagHealth}, Summary: "Whether a load balancer should send new requests here",
	Description: "At start the gateway is ready when each stream has been read once. A topic that doesn't exist, may not be read or has partitions without a leader holds it up for 10 seconds. " +
		"Afterwards it is not ready while it drains, or when Kafka has answered for none of its streams for `ready_grace`.",
	Parameters: []openapi.Parameter{streamParameter},
	Responses: describe.Responses{}.
		JSON(http.StatusOK, "Ready: send requests here.", openapi.Ref("Readiness"), nil).
		Problem(http.StatusNotFound, "The stream doesn't exist.", "stream").
		JSON(http.StatusServiceUnavailable, "Not ready: send no new requests here.", openapi.Ref("Readiness"), nil),
}}
