package doctor

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// judgeHTTPVersions says which HTTP is spoken, to what is in front and behind it.
func (d *doctor) judgeHTTPVersions(p *probeResult) {
	here := p.Proto
	switch {
	case p.TLS != nil && p.TLS.NegotiatedProtocol != "":
		here += ", agreed on by ALPN"
	case p.TLS != nil:
		here += " over TLS"
	}
	note := ""
	if p.ProtoMajor == 1 {
		note = "\nover HTTP/1.1 all tabs of a browser share six connections to an origin, and each stream keeps one: serve HTTP/2 to browsers"
	}
	switch {
	case d.firstProbe == nil:
		d.found(checkHTTP, ok, "%s%s", here, note)
	case p.report.Proto == "HTTP/1.0":
		d.fail(checkHTTP, problemOldHTTP, "", "the gateway is spoken to in HTTP/1.0: then it can't hold the stream for a few hundred bytes, and nothing tells a stream's end from a lost connection")
	case d.direct:
		d.found(checkHTTP, ok, "%s%s", here, note)
	default:
		d.found(checkHTTP, ok, "%s; behind it %s to the gateway%s", here, p.report.Proto, note)
	}
}

// spelled are the headers as people write them.
var spelled = map[string]string{"accept": "Accept", "authorization": "Authorization", "cookie": "Cookie", "host": "Host", "last-event-id": "Last-Event-ID", "origin": "Origin"}

// judgeRequestHeaders says which headers have arrived at the gateway.
func (d *doctor) judgeRequestHeaders(p *probeResult) {
	var fine []string
	before := len(d.findings)
	for _, name := range []string{"last-event-id", "origin", "cookie", "authorization", "host", "accept"} {
		switch header := spelled[name]; p.report.Headers[name] {
		case "missing":
			d.fail(checkRequest, problemRequest, header, "%s is lost on the way to the gateway%s", header, without[name])
		case "changed":
			if name != "host" { // which nothing of the gateway's depends on
				d.fail(checkRequest, problemRequest, header, "%s is changed on the way to the gateway%s", header, changed[name])
			}
		case "same", "arrived":
			fine = append(fine, header)
		}
	}
	d.judgeClientAddress(p)
	if len(d.findings) > before && slices.ContainsFunc(d.findings[before:], func(f finding) bool { return f.Verdict == fault }) {
		return
	}
	d.found(checkRequest, ok, "%s arrive as they were sent", strings.Join(fine, ", "))
}

// without says what a lost header costs.
var without = map[string]string{
	"last-event-id": ": a page that reconnects loses what it missed",
	"origin":        ": pages of other origins can't be allowed to read",
	"cookie":        ": who relies on a login's cookie is nobody",
	"authorization": ": who relies on a token is nobody",
	"accept":        ": an EventSource can be told an error where it has only to wait, and an error ends it",
}

// changed says what another value costs.
var changed = map[string]string{"accept": without["accept"]}

// judgeClientAddress says whether the gateway can tell callers apart by address.
func (d *doctor) judgeClientAddress(p *probeResult) {
	told := p.report.Forwarded["X-Forwarded-For"] + p.report.Forwarded["Forwarded"]
	switch {
	case d.direct:
	case told == 0 && len(d.recognised)+len(d.nearby) > 0:
		d.fail(checkRequest, problemClient, "", "the gateway isn't told the client's address (X-Forwarded-For or Forwarded): to it all clients of the proxy are one, and share its limits")
	case told == 0:
		d.found(checkRequest, unknown, "the gateway isn't told the client's address: if this is a proxy and no plain network, all its clients are one to the gateway")
	case p.report.Peer == "other":
		d.fail(checkRequest, problemClient, "", "the client's address arrives, but the gateway doesn't believe it: trusted_proxies doesn't name the proxy, and all its clients are one against limits.per_ip")
	}
}

// judgeResponseHeaders says whether the answer's headers are as the gateway wrote them.
func (d *doctor) judgeResponseHeaders(p *probeResult) {
	before := len(d.findings)
	cache := strings.Join(p.Header.Values("Cache-Control"), ", ")
	switch {
	case cache == "":
		d.fail(checkResponse, problemResponse, "Cache-Control", "Cache-Control is lost on the way back: caches may keep the stream")
	case !strings.Contains(cache, "no-cache") && !strings.Contains(cache, "no-store"):
		d.fail(checkResponse, problemResponse, "Cache-Control", "Cache-Control is changed on the way back, to %q: caches may keep the stream", cache)
	case d.firstProbe != nil && !strings.Contains(cache, "no-transform"):
		d.fail(checkResponse, problemResponse, "Cache-Control", "Cache-Control has lost no-transform on the way back: a proxy further on may compress the stream")
	}
	kind := p.Header.Get("Content-Type")
	if media, with, _ := mime.ParseMediaType(kind); media != streamType || with["charset"] != "" && !strings.EqualFold(with["charset"], "utf-8") {
		d.fail(checkResponse, problemResponse, "Content-Type", "Content-Type is changed on the way back, to %q", kind)
	}
	if p.Header.Get("Content-Length") != "" {
		d.fail(checkResponse, problemBuffer, "", "the answer has a Content-Length: something has waited for all of it")
	}
	if len(d.findings) > before {
		return
	}
	accel := ""
	if d.firstProbe != nil && p.Header.Get("X-Accel-Buffering") == "" {
		accel = fmt.Sprintf("; X-Accel-Buffering doesn't (%s): another nginx in front would have to be told not to buffer", accelReason(slices.Contains(d.recognised, "nginx")))
	}
	d.found(checkResponse, ok, "Content-Type and Cache-Control arrive as the gateway wrote them%s", accel)
}

func accelReason(nginx bool) string {
	if nginx {
		return "nginx keeps it to itself"
	}
	return "something takes it out"
}

// proxyStatus is what a proxy says of itself in an answer (RFC 9209), to be added to what
// was seen; "": nothing.
func proxyStatus(header http.Header) string {
	said := strings.Join(header.Values("Proxy-Status"), ", ")
	if said == "" {
		return ""
	}
	const most = 200
	if len(said) > most {
		said = said[:most] + "…"
	}
	return fmt.Sprintf(" (Proxy-Status: %s)", said)
}
