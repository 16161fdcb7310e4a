package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/stream"
	"sluice/stream/sse"
)

// What one probe may ask for. None has to be more than a person waits for, nor than a
// proxy's buffers are large.
const (
	maxProbes      = 100  // events
	maxProbeBytes  = 4096 // of padding in each
	minProbeEvery  = 10 * time.Millisecond
	maxProbeLength = 5 * time.Minute // from the first to the last
)

// plan is what a probe asks for: count events after the opening one, every so often, each
// with so many bytes of padding.
type plan struct {
	count, bytes int
	every        time.Duration
	sent         []sentHeader
}

var planText = regexp.MustCompile(`^(\d{1,3})x(\d{1,4})@([0-9.]{1,8}(?:ms|s|m))$`)

// readProbe returns what ?probe=6x100@300ms asks for; nil: the request is for a real
// stream.
func readProbe(r *http.Request) (*plan, *response.Problem) {
	query := r.URL.Query()
	sent, err := parseSent(query["sent"])
	if err != nil {
		return nil, response.BadRequest("sent", err.Error())
	}
	if !query.Has("probe") {
		return nil, nil
	}
	bad := response.BadRequest("probe", fmt.Sprintf("The probe parameter is COUNTxBYTES@EVERY, like 6x100@300ms: at most %d events of at most %d bytes, at least %v apart, for at most %v.",
		maxProbes, maxProbeBytes, minProbeEvery, maxProbeLength))
	parts := planText.FindStringSubmatch(query.Get("probe"))
	if parts == nil {
		return nil, bad
	}
	p := &plan{sent: sent}
	p.count, _ = strconv.Atoi(parts[1]) // digits, and few
	p.bytes, _ = strconv.Atoi(parts[2])
	if p.every, err = time.ParseDuration(parts[3]); err != nil ||
		p.count < 1 || p.count > maxProbes || p.bytes > maxProbeBytes || p.every < minProbeEvery || p.every > maxProbeLength/time.Duration(p.count) {
		return nil, bad
	}
	return p, nil
}

// probe answers a probe: an event stream like any other on its way, of events that say
// nothing but when they were sent. The first one also says what of the request has
// arrived. There is no heartbeat in it, so that it can be as silent as it is asked to be.
func (s *Server) probe(w http.ResponseWriter, r *http.Request, p *plan) {
	address := s.limits.AddressKey(s.cfg.Proxies.Client(r))
	if why := s.probing.Begin(address); why != "" {
		s.unavailable(w, r, why)
		return
	}
	defer s.probing.End(address)
	s.cfg.Metrics.Probing()
	defer s.cfg.Metrics.Probed()

	heard := s.describeRequest(w, r, p.sent)
	writeStreamHeader(w, r)
	var out socket
	out.init(w)
	patience := func() time.Time { return time.Now().Add(s.cfg.WriteTimeout) }
	defer func() { out.finish(patience()) }()
	send := func(dst []byte) bool {
		var batch stream.Batch
		batch.Append(dst)
		s.cfg.Metrics.Wrote(&batch)
		return out.writeBy(&batch, patience()) == nil
	}
	began := time.Now()
	// Another client would come back and ask for the same again: not soon.
	if !send(appendProbe(sse.AppendRetry(nil, limitPatience*s.rules.retry().duration()), probeOpening{Of: p.count, Heartbeat: s.rules.heartbeat, Heard: heard})) {
		return
	}
	next := time.NewTimer(p.every)
	defer next.Stop()
	for n := 1; n <= p.count; n++ {
		select {
		case <-next.C:
		case <-r.Context().Done():
			return
		case <-s.gate.shutting:
			send(appendClosing(nil, "", draining, s.rules.retry()))
			return
		}
		now := time.Since(began)
		next.Reset(max(0, time.Duration(n+1)*p.every-now))
		if !send(appendProbe(nil, probeEvent{N: n, At: now.Milliseconds(), Pad: padding(p.bytes)})) {
			return
		}
	}
}

// probeOpening is the data of a probe's first event.
type probeOpening struct {
	N         int           `json:"n"` // 0
	At        int64         `json:"at_ms"`
	Of        int           `json:"of"`        // how many are to follow
	Heartbeat tick          `json:"heartbeat"` // of real streams here, in ms
	Heard     requestReport `json:"heard"`
}

// probeEvent is the data of the others.
type probeEvent struct {
	N   int    `json:"n"`
	At  int64  `json:"at_ms"` // after the first one, by this gateway's clock
	Pad string `json:"pad,omitempty"`
}

func appendProbe(dst []byte, data any) []byte {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // strings and numbers
	}
	return sse.AppendEvent(dst, "", "sluice.probe", text)
}

// padding is text that a compressor makes little of.
func padding(n int) string {
	raw := make([]byte, n*3/4+3)
	for i := range raw {
		raw[i] = byte(rand.Uint32())
	}
	return base64.RawURLEncoding.EncodeToString(raw)[:n]
}

// probeParameters are those of a stream that only a probe has.
var probeParameters = []openapi.Parameter{
	describe.Query("probe", fmt.Sprintf("COUNTxBYTES@EVERY. COUNT is the number of timed events (1 to %d), BYTES the padding of each (up to %d), EVERY the time between two (at least %v). All together may take %v at most.",
		maxProbes, maxProbeBytes, minProbeEvery, maxProbeLength), &openapi.Schema{Type: "string", Pattern: planText.String(), Examples: []any{"6x100@300ms"}}),
	describe.List(describe.Query("sent", "Headers whose arrival a probe reports. Each is a name, alone or with the first 8 hex digits of its value's SHA-256.",
		&openapi.Schema{Type: "array", MaxItems: new(len(sentNames)), Items: &openapi.Schema{Type: "string", Pattern: `^((` + strings.Join(sentNames, "|") + `)(:[0-9a-fA-F]{8})?)?$`}})),
}
