package doctor

import (
	"net/http"
	"slices"
	"strings"
)

// proxyNames are the proxies with known cures.
var proxyNames = []string{"nginx", "caddy", "haproxy", "apache", "traefik", "envoy", "next"}

// allProxies is --proxy all.
const allProxies = "all"

// signs tell proxies by what they write into answers.
var signs = []struct{ header, text, proxy string }{
	{"X-Powered-By", "next.js", "next"},
	{"X-Nextjs-Cache", "", "next"},
	{"Server", "nginx", "nginx"},
	{"Server", "openresty", "nginx"},
	{"Server", "caddy", "caddy"},
	{"Via", "caddy", "caddy"},
	{"Server", "apache", "apache"},
	{"Server", "envoy", "envoy"},
	{"X-Envoy-Upstream-Service-Time", "", "envoy"},
	{"Via", "envoy", "envoy"},
	{"Server", "haproxy", "haproxy"},
	{"Via", "haproxy", "haproxy"},
}

// recognise names the proxies that an answer has passed, as far as they show.
func recognise(header http.Header) (names []string) {
	for _, sign := range signs {
		for _, value := range header.Values(sign.header) {
			if strings.Contains(strings.ToLower(value), sign.text) && !slices.Contains(names, sign.proxy) {
				names = append(names, sign.proxy)
			}
		}
	}
	return names
}

// recogniseText names a proxy by its own page for a missing gateway.
func recogniseText(body string) string {
	switch {
	case strings.Contains(body, "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request."),
		strings.Contains(body, "<html><body><h1>502 Bad Gateway</h1>\nThe server returned an invalid or incomplete response."):
		return "haproxy"
	case body == "no healthy upstream", strings.HasPrefix(body, "upstream connect error or disconnect/reset before headers"):
		return "envoy"
	case body == "Bad Gateway", body == "no available server\n":
		return "traefik"
	}
	return ""
}
