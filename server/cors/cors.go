// Package cors says which pages of other origins may read: by CORS (cors.go), for origins
// as they are configured (origin.go). embedded.go knows the requests that another site
// makes a browser send without being able to read the answer. visitor.go says when a
// cookie counts for a request that changes something.
package cors

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/cors"
)

// preflightAge is how long a browser may remember a preflight; most cap it at two hours.
const preflightAge = 2 * time.Hour

// Config says which pages of other origins may read. Zero: none.
type Config struct {
	Origins     []string // what CheckOrigin takes
	Credentials bool     // with the caller's cookies
	Headers     []string // that requests may have besides eventHeaders; "*" is any. nil: DefaultHeaders
}

// eventHeaders are those that clients of event streams and states send. They are always
// allowed.
var eventHeaders = []string{"Accept", "Authorization", "Cache-Control", "If-None-Match", "Last-Event-ID"}

// DefaultHeaders are what libraries and tracing add to a page's requests without
// being asked: one that isn't allowed fails the whole request.
var DefaultHeaders = []string{
	"Content-Type", "Pragma", "X-Requested-With", "X-Request-Id", "X-Correlation-Id",
	"traceparent", "tracestate", "baggage", // W3C Trace Context and Baggage
	"sentry-trace",
	"x-datadog-origin", "x-datadog-parent-id", "x-datadog-sampled", "x-datadog-sampling-priority", "x-datadog-tags", "x-datadog-trace-id",
	"b3", "X-B3-Flags", "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-SpanId", "X-B3-TraceId", // Zipkin
	"newrelic", "elastic-apm-traceparent", "uber-trace-id", "X-Amzn-Trace-Id", "X-Cloud-Trace-Context",
	"Request-Id", "Request-Context", // Application Insights
}

// exposedHeaders are those of an answer that a page may read. They say when to come back,
// what is asked for, and that a stream goes, or are ids by which proxies and tracing name
// a request.
var exposedHeaders = []string{"ETag", "Retry-After", "WWW-Authenticate", "Last-Event-ID", "X-Request-Id", "X-Correlation-Id", "traceparent", "Deprecation", "Sunset", "Link"}

// Validate names every fault.
func (c Config) Validate() error {
	var faults []error
	for _, text := range c.Origins {
		if err := CheckOrigin(text, c.Credentials); err != nil {
			faults = append(faults, fmt.Errorf("server: cors.origins (cors.credentials: %t): %w", c.Credentials, err))
		}
	}
	for _, name := range c.Headers {
		if err := CheckHeader(name); err != nil {
			faults = append(faults, fmt.Errorf("server: cors.headers: %w", err))
		}
	}
	return errors.Join(faults...)
}

// CheckHeader fails for what names no request header, with an error to be shown.
func CheckHeader(name string) error {
	if name == "" || strings.Trim(name, tokenChars) != "" {
		return fmt.Errorf("%q names no header: write letters, digits and dashes, such as X-Requested-With", name)
	}
	return nil
}

// tokenChars are those of a token, as names of headers are (RFC 9110 section 5.6.2).
const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// Allows reports whether a page of an origin may read.
func (c Config) Allows(from string) bool {
	from = strings.ToLower(from)
	return slices.ContainsFunc(c.Origins, func(text string) bool {
		o, err := parseOrigin(text)
		return text == "*" || err == nil && o.matches(from)
	})
}

// writeHeaders are those that a page sends with what it publishes.
var writeHeaders = []string{"Content-Type", "Idempotency-Key"}

// Middleware returns nil when no other origin may read: without the headers browsers
// refuse. writes says of a path that pages may POST to it; nil: to none.
func (c Config) Middleware(writes func(path string) bool) func(http.Handler) http.Handler {
	if len(c.Origins) == 0 {
		return nil
	}
	reading := c.handler([]string{http.MethodGet, http.MethodHead}, nil)
	writing := c.handler([]string{http.MethodPost}, writeHeaders)
	return func(next http.Handler) http.Handler {
		read, write := reading(next), writing(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if writes != nil && writes(r.URL.Path) {
				write.ServeHTTP(w, r)
				return
			}
			read.ServeHTTP(w, r)
		})
	}
}

// handler is Middleware for the routes of some methods, whose requests may have more
// headers.
func (c Config) handler(methods, more []string) func(http.Handler) http.Handler {
	headers := c.Headers
	if headers == nil {
		headers = DefaultHeaders
	}
	options := cors.Options{
		AllowedMethods:   methods,
		AllowedHeaders:   slices.Concat(eventHeaders, headers, more),
		ExposedHeaders:   exposedHeaders,
		AllowCredentials: c.Credentials,
		MaxAge:           int(preflightAge / time.Second),
	}
	if slices.Contains(c.Origins, "*") {
		options.AllowedOrigins = []string{"*"}
		return cors.Handler(options)
	}
	var all []origin
	for _, text := range c.Origins {
		o, _ := parseOrigin(text) // validate has read it
		all = append(all, o)
	}
	options.AllowOriginFunc = func(_ *http.Request, from string) bool {
		from = strings.ToLower(from)
		return slices.ContainsFunc(all, func(o origin) bool { return o.matches(from) })
	}
	return cors.Handler(options)
}
