//go:build linux

package clients

import (
	"time"

	"sluice/cmd/sluice-bench/internal/measure"
)

// An order asks a client process for something, and is answered when it has
// happened or its time is over. One order at a time.
type order struct {
	Op      string
	Plan    *Plan         `json:",omitempty"` // opPlan
	N       int           `json:",omitempty"` // opOpen: clients to be open in all
	Events  uint64        `json:",omitempty"` // opAwait: deliveries since opMark, all clients together
	From    int           `json:",omitempty"` // opAwait: every client has the events numbered From
	Each    int           `json:",omitempty"` // to Each-1 since opMark
	Timeout time.Duration `json:",omitempty"`
}

const (
	opPlan  = "plan"
	opOpen  = "open"  // connect clients up to N, those that were dropped included
	opMark  = "mark"  // count from zero
	opAwait = "await" // until Events or Each has come
	opDrop  = "drop"  // close all connections
	opStall = "stall" // the clients read no more
)

// Answer is how things stand with the clients since the last opMark.
type Answer struct {
	Err    string `json:",omitempty"`
	Late   bool   `json:",omitempty"` // the order's time was over before it had happened
	Open   int
	Failed map[int]int `json:",omitempty"` // clients refused, by HTTP status; 0 is a broken connection
	Lost   int         // connections that the server ended

	Events, WithID  uint64 // published by someone; of those, with their own id
	Reserved, Bytes uint64
	Served          int               // clients that have all that opAwait names
	Missing, Twice  uint64            // of those, over all clients; an event before From is one come twice
	First, Last     time.Time         // when the first and the last event was read
	Latency         measure.Histogram // from an event's stamp to its reading
	Took            time.Duration     // from the order to the answer
	Stalled         string            `json:",omitempty"` // address and port of the first client stalled
}

func (a *Answer) merge(o Answer) {
	if a.Err == "" {
		a.Err = o.Err
	}
	a.Late = a.Late || o.Late
	a.Open += o.Open
	for status, n := range o.Failed {
		if a.Failed == nil {
			a.Failed = map[int]int{}
		}
		a.Failed[status] += n
	}
	a.Lost += o.Lost
	a.Events += o.Events
	a.WithID += o.WithID
	a.Reserved += o.Reserved
	a.Bytes += o.Bytes
	a.Served += o.Served
	a.Missing += o.Missing
	a.Twice += o.Twice
	if a.First.IsZero() || !o.First.IsZero() && o.First.Before(a.First) {
		a.First = o.First
	}
	if o.Last.After(a.Last) {
		a.Last = o.Last
	}
	a.Latency.Merge(o.Latency)
	a.Took = max(a.Took, o.Took)
	if a.Stalled == "" {
		a.Stalled = o.Stalled
	}
}
