package bench

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// plan says what the clients of one process do. It travels to the process as JSON.
type plan struct {
	Proto     string   // protoPlain, protoTLS or protoH2C
	Addr      string   // 127.0.0.1:8080
	Path      string   // template of the request's path and query
	Header    []string // templates, "Name: value"
	TokenFile string   // a token a line, the first is client 0's; "" without

	First, Stride int  // client i of the process is client First+i*Stride of all
	Sources       int  // 127.0.0.x addresses to connect from
	Window        int  // connections opened at the same time
	Streams       int  // per connection, with protoH2C
	KeepID        bool // for reconnecting with Last-Event-ID
	Stamps        bool // read each event's stamp: its latency and its number
}

const (
	protoPlain = "http"
	protoTLS   = "https"
	protoH2C   = "h2c"
)

// userOf is the name of client n's user.
func userOf(n int) string { return "u" + strconv.Itoa(n) }

// expand fills in a template: {n} is the client's number, {user} its user and
// {token} its line of the token file.
func expand(template string, n int, token string) string {
	if !strings.Contains(template, "{") {
		return template
	}
	return strings.NewReplacer("{n}", strconv.Itoa(n), "{user}", userOf(n), "{token}", token).Replace(template)
}

// request is the whole HTTP/1.1 request of client n.
func (p *plan) request(n int, token, lastID string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n", expand(p.Path, n, token), p.Addr)
	for _, h := range p.Header {
		b.WriteString(expand(h, n, token))
		b.WriteString("\r\n")
	}
	if lastID != "" {
		fmt.Fprintf(&b, "Last-Event-ID: %s\r\n", lastID)
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

// tokens reads the token file; nil without one.
func (p *plan) tokens() ([]string, error) {
	if p.TokenFile == "" {
		return nil, nil
	}
	f, err := os.Open(p.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	defer f.Close()
	var lines []string
	s := bufio.NewScanner(f)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines, s.Err()
}

// tokenOf is client n's line; "" beyond the file's end.
func tokenOf(tokens []string, n int) string {
	if n < len(tokens) {
		return tokens[n]
	}
	return ""
}

// An order asks a client process for something, and is answered when it has
// happened or its time is over. One order at a time.
type order struct {
	Op      string
	Plan    *plan         `json:",omitempty"` // opPlan
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

// answer is how things stand with the clients since the last opMark.
type answer struct {
	Err    string `json:",omitempty"`
	Late   bool   `json:",omitempty"` // the order's time was over before it had happened
	Open   int
	Failed map[int]int `json:",omitempty"` // clients refused, by HTTP status; 0 is a broken connection
	Lost   int         // connections that the server ended

	Events, WithID  uint64 // published by someone; of those, with an id of their own
	Reserved, Bytes uint64
	Served          int           // clients that have all that opAwait names
	Missing, Twice  uint64        // of those, over all clients; an event before From is one come twice
	First, Last     time.Time     // when the first and the last event was read
	Latency         histogram     // from an event's stamp to its reading
	Took            time.Duration // from the order to the answer
	Stalled         string        `json:",omitempty"` // address and port of the first client stalled
}

func (a *answer) merge(o answer) {
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
	a.Latency.merge(o.Latency)
	a.Took = max(a.Took, o.Took)
	if a.Stalled == "" {
		a.Stalled = o.Stalled
	}
}
