package server

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

// CORS says which pages of other origins may read. Zero: none.
type CORS struct {
	Origins     []string // https://shop.example; one * may stand for part of a host, or alone for all
	Credentials bool     // with the caller's cookies
}

// validate names every fault.
func (c CORS) validate() error {
	var faults []error
	if c.Credentials && slices.Contains(c.Origins, "*") {
		faults = append(faults, errors.New("server: cors.credentials with the origin * would let any page read as its visitor: name the origins"))
	}
	for _, origin := range c.Origins {
		scheme, host, ok := strings.Cut(origin, "://")
		if origin != "*" && (!ok || scheme == "" || host == "" || strings.Contains(host, "/")) {
			faults = append(faults, fmt.Errorf("server: cors.origins has %q, which is no origin: write https://shop.example, with no path", origin))
		}
	}
	return errors.Join(faults...)
}

// middleware returns nil when no other origin may read: without the headers browsers refuse.
func (c CORS) middleware() func(http.Handler) http.Handler {
	if len(c.Origins) == 0 {
		return nil
	}
	return cors.Handler(cors.Options{
		AllowedOrigins:   c.Origins,
		AllowedMethods:   []string{http.MethodGet, http.MethodHead},
		AllowedHeaders:   []string{"Accept", "Authorization", "Cache-Control", "If-None-Match", "Last-Event-ID"},
		ExposedHeaders:   []string{"ETag"},
		AllowCredentials: c.Credentials,
		MaxAge:           int(preflightAge / time.Second),
	})
}
