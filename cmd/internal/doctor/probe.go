package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/cmd/internal/reach"
)

// plan is what the gateway is asked to send: count events, each with so many bytes, every
// so often.
type plan struct {
	count, bytes int
	every        time.Duration
}

func (p plan) String() string { return fmt.Sprintf("%dx%d@%v", p.count, p.bytes, p.every) }

func (p plan) length() time.Duration { return time.Duration(p.count) * p.every }

// requestReport is what the gateway says of a probe's request; see GET /events?probe= in
// its description.
type requestReport struct {
	Proto     string
	TLS       bool
	Port      int
	Peer      string
	Forwarded map[string]int
	Headers   map[string]string
	CORS      struct{ Origin, Credentials bool }
}

// probeResult is what came of a probe.
type probeResult struct {
	*response
	report    requestReport
	heartbeat time.Duration // of real streams
	arrivals  []arrival     // the opening event is the first
	ended     time.Time     // the stream, or what was read of it
	goodbye   string        // of a gateway that ended it before the last event
}

// arrival is one event of a probe.
type arrival struct {
	sent     time.Duration // by the gateway, after its first
	received time.Duration // here, after the request
	size     int           // bytes of data
}

// errRefused: the answer is no stream.
var errRefused = errors.New("the answer is no event stream")

// errNoProbes: the server opened a stream of its usual kind.
var errNoProbes = errors.New("it knows no probes")

// busyError is a gateway that says to come later.
type busyError struct {
	reason string
	retry  time.Duration
}

func (b *busyError) Error() string { return "the gateway says to come later: " + b.reason }

// canaries are headers without a secret, to see whether they arrive.
type canaries struct {
	header map[string]string // added to the request
	sent   []string          // what the gateway is asked about
}

// canaries returns what a probe of the caller's asks about. Of the caller's own
// credentials it is only asked whether they arrive, and not even a hash is sent.
func (d *doctor) canaries() canaries {
	token := "sluice-doctor-" + strings.ToLower(rand.Text())
	c := canaries{header: map[string]string{"Last-Event-ID": token, "Origin": d.pageOrigin()}}
	header, _ := d.Header() // that it can't be read is said by open
	if header["Cookie"] == "" {
		c.header["Cookie"] = "sluice-doctor=" + token
	} else {
		c.sent = append(c.sent, "cookie")
	}
	if header["Authorization"] != "" {
		c.sent = append(c.sent, "authorization")
	} else if d.URL.Query().Has("user") { // a gateway that believes it looks at no token
		c.header["Authorization"] = "Bearer " + token
	}
	for _, name := range slices.Sorted(maps.Keys(c.header)) {
		c.sent = append(c.sent, strings.ToLower(name)+":"+hash(c.header[name]))
	}
	c.sent = append(c.sent, "host:"+hash(d.URL.Host), "accept:"+hash(streamType))
	return c
}

func hash(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:4])
}

// probe has the gateway send events as planned, and reads them, within the time that
// takes and some. A gateway that is busy is asked again. It fails with errRefused,
// errNoProbes, *busyError (each with what it got) or an error of the network.
func (d *doctor) probe(ctx context.Context, p plan, a request) (*probeResult, error) {
	for attempt := 1; ; attempt++ {
		got, err := d.probeOnce(ctx, p, a)
		var busy *busyError
		if !errors.As(err, &busy) || attempt == 4 {
			return got, err
		}
		if !reach.Pause(ctx, min(max(busy.retry, time.Second), 5*time.Second)) {
			return nil, context.Cause(ctx)
		}
	}
}

func (d *doctor) probeOnce(ctx context.Context, p plan, a request) (*probeResult, error) {
	if a.query == nil {
		a.query = make(map[string]string)
	}
	a.query["probe"] = p.String()
	ctx, cancel := context.WithTimeout(ctx, p.length()+slack)
	defer cancel()
	v, err := d.open(ctx, a)
	if err != nil {
		return nil, err
	}
	got := &probeResult{response: v}
	switch {
	case !v.isStream():
		body, _ := io.ReadAll(io.LimitReader(v.Body, 64<<10)) // what there is of it is enough
		v.Body = io.NopCloser(bytes.NewReader(body))
		return got, errRefused
	case v.opaque:
		_, _ = io.Copy(io.Discard, v.raw) // when it came is what counts
		got.ended = time.Now()
		return got, context.Cause(ctx)
	}
	for len(got.arrivals) <= p.count {
		e, err := v.next()
		if err != nil {
			got.ended = time.Now()
			if len(got.arrivals) == 0 {
				return got, fmt.Errorf("the stream ends before its first event: %w", err)
			}
			return got, context.Cause(ctx)
		}
		if done, err := got.take(e); done || err != nil {
			return got, err
		}
	}
	got.ended = time.Now()
	return got, nil
}

// take takes one event in. done: no more is to come.
func (p *probeResult) take(e event) (done bool, err error) {
	switch {
	case e.name == "sluice.probe":
	case e.name == "sluice.unavailable":
		var why struct{ Reason string }
		_ = json.Unmarshal([]byte(e.data), &why) // then there is none
		return true, &busyError{why.Reason, p.retry()}
	case len(p.arrivals) == 0:
		return true, errNoProbes
	default: // the gateway's goodbye
		p.ended, p.goodbye = e.at, e.data
		return true, nil
	}
	var data struct {
		N         int
		At        int64 `json:"at_ms"`
		Heartbeat int64
		Heard     requestReport
	}
	if err := json.Unmarshal([]byte(e.data), &data); err != nil || data.N != len(p.arrivals) {
		return true, fmt.Errorf("event %d of the probe is changed or missing", len(p.arrivals))
	}
	if data.N == 0 {
		p.report, p.heartbeat = data.Heard, time.Duration(data.Heartbeat)*time.Millisecond
	}
	p.arrivals = append(p.arrivals, arrival{sent: time.Duration(data.At) * time.Millisecond, received: e.at.Sub(p.began), size: len(e.data)})
	return false, nil
}
