package server

import (
	"encoding/json"
	"net/http"
	"time"
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
	Behind     int64     // records up to the last stable offset; -1 while unknown
	StaleSince time.Time // Kafka hasn't answered since; zero: it answers
	Answered   time.Time // when Kafka last did; zero: never yet
	Waiting    string    // what for, while it is not fetching; no secret in it

	Records    uint64            // read
	Events     uint64            // made of them
	Refused    map[string]uint64 // records with something wrong, by reason, all that there are; a record may have several
	Partitions []PartitionStatus
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
}

type streamReadiness struct {
	Name       string `json:"name"`
	Topic      string `json:"topic"`
	Ready      bool   `json:"ready"`
	Fetching   bool   `json:"fetching"`
	Warm       bool   `json:"warm"`
	Behind     *int64 `json:"behind"` // null while unknown
	StaleSince string `json:"stale_since,omitempty"`
	Waiting    string `json:"waiting,omitempty"`
}

// ready says whether a balancer should send new streams here. With Kafka away it still should, for
// grace: it serves from memory, and all gateways not ready at once would have the balancer answer a
// 503, which ends every page for good.
func ready(statuses []StreamStatus, isDraining, unread bool, grace time.Duration, now time.Time) readiness {
	r := readiness{Ready: !isDraining && !unread, Draining: isDraining, Unread: unread, Streams: []streamReadiness{}}
	for _, s := range statuses {
		one := streamReadiness{
			Name: s.Name, Topic: s.Topic, Fetching: s.Fetching, Warm: s.Warm, Waiting: s.Waiting,
			Ready: s.Warm && (s.StaleSince.IsZero() || now.Sub(s.StaleSince) < grace),
		}
		if s.Behind >= 0 {
			one.Behind = &s.Behind
		}
		if !s.StaleSince.IsZero() {
			one.StaleSince = stamp(s.StaleSince)
		}
		r.Ready = r.Ready && one.Ready
		r.Streams = append(r.Streams, one)
	}
	return r
}

// readyz answers 200 or 503, each with the same body.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	state := ready(s.cfg.Source.Status(), s.gate.isShut(), !s.caughtUp(), s.cfg.ReadyGrace, time.Now())
	status := http.StatusOK
	if !state.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, state)
}

// livez answers whenever the process can: what waits for Kafka is alive, and to restart it would not help.
func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Live bool `json:"live"`
	}{true})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // bodies are plain structs
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(text, '\n')) // a client that is gone has no use for the error
}
