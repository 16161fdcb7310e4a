package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"sluice/stream/ssetest"
)

// client is a browser: it knows its URL and the last id it was sent, nothing else.
type client struct {
	n       int
	user    string
	streams []int
	subject string
	anyUser bool
	id      string
	got     map[string]int // "stream/epoch/partition/offset" → times
	last    map[string]int64
	skipped []Reset // as said in resets

	gw    *gateway
	sub   Sub
	batch Batch
	wire  *bytes.Buffer // what has arrived and not been parsed
}

func (c *client) connect(t *testing.T, gw *gateway) {
	c.disconnect()
	sub, o, err := gw.hub.Open(context.Background(), Request{
		Streams: c.streams, User: c.user, Subject: c.subject, AnyUser: c.anyUser, Cursor: c.id, From: From{Kind: FromEarliest},
		Waker: gw.waker, Token: uint32(c.n),
	})
	if errors.Is(err, ErrNotWarm) {
		return // a gateway that is behind asks to come back
	}
	if err != nil {
		t.Fatalf("Open(%q): %v", c.id, err)
	}
	c.gw, c.sub, c.wire = gw, sub, &bytes.Buffer{}
	var b []byte
	for _, r := range o.Resets {
		b = AppendFrame(b, r.ID, ResetEvent, r.AppendJSON(nil))
	}
	c.arrive(t, AppendFrame(b, o.ID, "sluice.hello", []byte("{}")), len(b)+1<<20)
}

func (c *client) disconnect() {
	c.sub.Close()
	c.sub = Sub{}
}

// pull takes a batch and lets only the first arrive bytes of it through; it reports whether all came.
func (c *client) pull(t *testing.T, max, arrive int) Pulled {
	c.batch.Reset()
	p := c.sub.Pull(&c.batch, max)
	c.arrive(t, bytes.Join(c.batch.Bufs, nil), arrive)
	if p == Lagged || p == Closed || c.batch.Bytes > arrive {
		c.disconnect()
	}
	return p
}

// heartbeat has the client told the position reached, whatever it has not pulled yet.
func (c *client) heartbeat(t *testing.T) {
	if id := string(c.sub.AppendID(nil)); id != "" {
		c.check(t, id)
		c.id = id
	}
}

func (c *client) arrive(t *testing.T, b []byte, n int) {
	r := ssetest.NewReader(bytes.NewReader(b[:min(n, len(b))]))
	for {
		ev, err := r.Next()
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if ev.ID != "" {
			c.check(t, ev.ID)
			c.id = ev.ID
		}
		switch ev.Name {
		case "sluice.hello":
		case ResetEvent:
			c.skipped = append(c.skipped, Reset{Reason: Reason(field(ev.Data, "reason")), Stream: field(ev.Data, "stream")})
		default:
			c.got[ev.Data]++
			key, off, _ := strings.Cut(ev.Data, "#")
			o, _ := strconv.ParseInt(strings.SplitN(off, " ", 2)[0], 10, 64)
			if last, ok := c.last[key]; ok && o <= last {
				t.Fatalf("client %d: %s after offset %d of it", c.n, ev.Data, last)
			}
			c.last[key] = o
		}
	}
}

// check holds ids to rule 2: no partition goes back while the epoch stays and no reset says so.
func (c *client) check(t *testing.T, id string) {
	segs, err := parseCursor(id)
	if err != nil {
		t.Fatalf("client %d was sent id %q: %v", c.n, id, err)
	}
	if c.id == "" {
		return
	}
	before, _ := parseCursor(c.id)
	for _, b := range before {
		for _, s := range segs {
			if s.stream == b.stream && s.epoch == b.epoch && !covers(s.offsets, b.offsets) {
				t.Fatalf("client %d: id went back from %q to %q", c.n, c.id, id)
			}
		}
	}
}

func field(data, name string) string {
	_, rest, _ := strings.Cut(data, `"`+name+`":"`)
	v, _, _ := strings.Cut(rest, `"`)
	return v
}
