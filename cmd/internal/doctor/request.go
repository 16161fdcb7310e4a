package doctor

import (
	"context"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// request is what is asked: the command line's, with this added.
type request struct {
	method string            // "": GET
	origin string            // "": the stream's
	path   string            // "": the stream's
	query  map[string]string // added
	header map[string]string // added
	bare   bool              // without the caller's credentials, as a preflight is
}

// response is an answer, open as long as its context.
type response struct {
	*http.Response
	began        time.Time
	port         int // of this end of the connection
	raw          *timedBody
	text         io.Reader // raw, unpacked
	*timedReader           // of text
	opaque       bool      // encoded in a way that is not read here: text is as packed, and nothing is read
}

// streamType is what an EventSource accepts, and is answered with.
const streamType = "text/event-stream"

// browserEncodings are what browsers take.
const browserEncodings = "gzip, deflate, br, zstd"

// open asks. The answer is closed when ctx ends.
func (d *doctor) open(ctx context.Context, a request) (*response, error) {
	target := *d.URL
	query := target.Query()
	for name, value := range a.query {
		query.Set(name, value)
	}
	target.RawQuery = query.Encode()
	if a.path != "" {
		target.Path, target.RawPath, target.RawQuery = a.path, "", ""
	}
	if a.origin != "" {
		origin, err := url.Parse(a.origin)
		if err != nil {
			return nil, err
		}
		target.Scheme, target.Host = origin.Scheme, origin.Host
	}
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	var port atomic.Int64
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if local, ok := info.Conn.LocalAddr().(*net.TCPAddr); ok {
			port.Store(int64(local.Port))
		}
	}})
	r, err := http.NewRequestWithContext(traced, method, target.String(), nil)
	if err != nil {
		return nil, err
	}
	// A server of another kind may still be at work on its answer to HEAD, on a connection
	// that looks free from here.
	r.Close = method == http.MethodHead
	r.Header.Set("User-Agent", "sluice-doctor")
	r.Header.Set("Accept", streamType)
	r.Header.Set("Cache-Control", "no-cache")
	r.Header.Set("Accept-Encoding", browserEncodings)
	if !a.bare {
		header, err := d.Header()
		if err != nil {
			return nil, err
		}
		for name, value := range header {
			r.Header.Set(name, value)
		}
		if host := header["Host"]; host != "" {
			r.Host = host
		}
	}
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	v := &response{began: time.Now()}
	if v.Response, err = d.client.Do(r); err != nil { //nolint:bodyclose // it is closed when ctx ends
		return nil, err
	}
	answer := v.Body
	context.AfterFunc(ctx, func() { answer.Close() })
	v.port = int(port.Load())
	v.raw = &timedBody{Reader: v.Body}
	v.text = v.raw
	switch v.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip", "x-gzip":
		v.text = &gzipText{from: v.raw}
	default:
		v.opaque = true
	}
	v.timedReader = newTimedReader(v.text)
	return v, nil
}

// isStream says whether the answer is an event stream.
func (v *response) isStream() bool {
	media, _, _ := mime.ParseMediaType(v.Header.Get("Content-Type"))
	return v.StatusCode == http.StatusOK && media == streamType
}

// originOf is what a page of this address has as its origin.
func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }
