package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"sluice/cmd/internal/reach"
)

// smallPlan are the events of the first probe: less in all than any buffer, and each far
// enough from the next to see that it came alone.
var smallPlan = plan{count: 6, bytes: 100, every: 300 * time.Millisecond}

const (
	quick = 10 * time.Second // for an answer without a stream
	slack = 20 * time.Second // beyond a probe's length, for its end
)

// openStream asks for the stream itself, and finds what that tells. false: there is
// nothing to examine.
func (d *doctor) openStream(ctx context.Context) bool {
	d.trip = d.tripTime(ctx)
	c := d.canaries()
	got, err := d.probe(ctx, smallPlan, request{query: map[string]string{"sent": strings.Join(c.sent, ",")}, header: c.header})
	if got == nil {
		d.notReached(err)
		return false
	}
	d.recognised = recognise(got.Header)
	d.nearby = d.neighbours(ctx)
	var busy *busyError
	switch {
	case errors.Is(err, errRefused):
		d.refused(got.response)
		return false
	case errors.As(err, &busy):
		d.found(checkReach, fault, "%v: %v, several times", got.Status, busy)
		return false
	case errors.Is(err, errNoProbes):
		d.found(checkReach, ok, "%s", d.route(got))
		d.judgeWithoutProbes(ctx, got)
		return true
	case err != nil && got.arrivals == nil && !got.opaque:
		d.found(checkReach, fault, "%s text/event-stream, but %v", got.Status, err)
		return false
	case err != nil:
		d.found(checkReach, fault, "%v", err)
		return false
	}
	if !got.opaque {
		d.firstProbe = got
		if d.direct = got.port == got.report.Port && d.recognised == nil; d.direct {
			d.nearby = nil
		}
	}
	d.found(checkReach, ok, "%s", d.route(got))
	d.judgeArrivals(ctx, got)
	d.judgeCompression(got)
	d.judgeHTTPVersions(got)
	if d.firstProbe != nil {
		d.judgeRequestHeaders(got)
	}
	d.judgeResponseHeaders(got)
	return true
}

// tripTime is what a request and its answer take by themselves: the least of three that
// have no body. 0: it can't be told.
func (d *doctor) tripTime(ctx context.Context) (least time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	for range 3 {
		began := time.Now()
		if _, err := d.open(ctx, request{method: http.MethodHead}); err != nil {
			return least
		}
		if took := time.Since(began); least == 0 || took < least {
			least = took
		}
	}
	return least
}

func (d *doctor) notReached(err error) {
	if errors.Is(err, context.DeadlineExceeded) {
		d.fail(checkReach, problemBuffer, "", "no answer within %v, not even the beginning of one", smallPlan.length()+slack)
		return
	}
	plain, _ := reach.Plain(err)
	d.found(checkReach, fault, "no answer: %v", plain)
}

// refused says what an answer means that is no stream.
func (d *doctor) refused(v *response) {
	kind, _, _ := strings.Cut(v.Header.Get("Content-Type"), ";")
	if v.StatusCode >= 300 && v.StatusCode < 400 {
		d.found(checkReach, fault, "%s to another address: a browser would stay there and never ask here again; give the URL where it ends", v.Status)
		return
	}
	if v.StatusCode == http.StatusOK {
		d.found(checkReach, fault, "the answer is %q and no event stream; is %s the right address?", kind, d.URL.Path)
		return
	}
	status := proxyStatus(v.Header)
	if v.StatusCode == http.StatusNotImplemented || strings.Contains(status, "incremental_refused") {
		d.fail(checkReach, problemBuffer, "", "%s%s: a proxy refuses to pass the stream on as it comes (RFC 10036)", v.Status, status)
		return
	}
	body, _ := io.ReadAll(io.LimitReader(v.Body, 64<<10))
	var problem struct{ Type string }
	_ = json.Unmarshal(body, &problem) // then it has none
	if header := d.credential(); problem.Type == "urn:sluice:problem:identity-missing" && header != "" {
		d.fail(checkRequest, problemRequest, header, "%s was sent, and has not arrived: the gateway answers %s", header, v.Status)
		return
	}
	v.Body = io.NopCloser(strings.NewReader(string(body)))
	d.found(checkReach, fault, "%s%s", reach.Explain(v.Response), status)
	switch seen := &d.findings[len(d.findings)-1].Seen; {
	case strings.HasPrefix(problem.Type, "urn:sluice:problem:identity-"):
		*seen += "\nsay who you are: --token-file, --header, --ticket or, with auth: none, --user"
	case v.StatusCode == http.StatusNotFound:
		*seen += "\ngive the URL at which browsers find the stream: a gateway has it at /events of the address in listen, and not on its admin address"
	}
}

// credential is the header in which the caller says who they are; "": none.
func (d *doctor) credential() string {
	header, _ := d.Header() // that it can't be read was said by open
	for _, name := range []string{"Authorization", "Cookie"} {
		if header[name] != "" {
			return name
		}
	}
	return ""
}

// neighbours are the proxies that show in the answer of the front page and are none of
// the stream's.
func (d *doctor) neighbours(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	front, err := d.open(ctx, request{path: "/", header: map[string]string{"Accept": "text/html"}, bare: true})
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(recognise(front.Header), func(name string) bool { return slices.Contains(d.recognised, name) })
}

// route is what lies between here and there, as far as it shows.
func (d *doctor) route(p *probeResult) string {
	var between []string
	if len(d.recognised) > 0 {
		between = append(between, "through "+strings.Join(d.recognised, " and "))
	}
	if len(d.nearby) > 0 {
		between = append(between, "perhaps through "+strings.Join(d.nearby, " and ")+", which the front page comes from")
	}
	switch {
	case d.direct:
		between = []string{"with nothing in between"}
	case len(between) == 0 && p.arrivals != nil:
		between = []string{"through something that doesn't show what it is"}
	}
	return strings.Join(append([]string{p.Status + " text/event-stream"}, between...), ", ")
}
