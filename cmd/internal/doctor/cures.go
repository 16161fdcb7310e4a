package doctor

import "strings"

// ailment is what there are cures for.
type ailment string

const (
	illBuffer   ailment = "buffer"   // held back
	illCompress ailment = "compress" // compressed
	illOld      ailment = "old"      // HTTP/1.0 to the gateway
	illIdle     ailment = "idle"     // cut off when silent
	illLength   ailment = "length"   // cut off when old
	illAway     ailment = "away"     // the wrong answer while the gateway is away
	illRequest  ailment = "request"  // a header is lost on the way there
	illClient   ailment = "client"   // the client's address is lost
	illResponse ailment = "response" // a header is lost on the way back
	illQuery    ailment = "query"    // the query is lost
	illCORS     ailment = "cors"     // headers of CORS are lost on the way back
)

// gatewayItself is what needs changing where the proxy doesn't.
const gatewayItself = "sluice"

// cure is what to change, where.
type cure struct {
	Proxy string   `json:"proxy"`
	Lines []string `json:"lines"`
}

// recipes is where all of it stands, tried.
const recipes = "deploy/proxies"

// cures has the lines by ailment and proxy. HEADER stands for the header concerned.
var cures = map[ailment]map[string]string{
	illBuffer: {
		"nginx":   "proxy_buffering off;    # in location /events, and no proxy_ignore_headers X-Accel-Buffering",
		"caddy":   "reverse_proxy with no response_buffers (request_buffers is harmless)",
		"haproxy": "option http-no-delay    # in the backend: else each event waits 200 ms for more",
		"apache":  "ProxyPass /events http://GATEWAY/events flushpackets=on    # and no CacheEnable, mod_security response body or mod_buffer there",
		"traefik": "no middleware `buffering` on the router of /events",
		"envoy":   "no envoy.filters.http.buffer and no filter that reads whole bodies on the route of /events (typed_per_filter_config: disabled)",
		"next":    "no rewrites() and no middleware for the stream: let the proxy in front of Next send /events to the gateway",
	},
	illCompress: {
		"nginx":   "gzip off; brotli off;    # in location /events; and text/event-stream not in gzip_types",
		"caddy":   "request_header /events -Accept-Encoding    # whatever `encode` the site has",
		"haproxy": "no text/event-stream in `compression type`; http-request del-header Accept-Encoding if { path /events }",
		"apache":  "SetEnv no-gzip 1\nSetEnv no-brotli 1    # both in <Location /events>",
		"traefik": "middlewares.NAME.compress.excludedContentTypes: [text/event-stream]",
		"envoy":   "no text/event-stream in the compressor's content_type; or disabled for the route of /events",
		"next":    "compress: false    # in next.config; better: no rewrites() for the stream",
	},
	illOld: {
		"nginx":  "proxy_http_version 1.1;\nproxy_set_header Connection \"\";    # both in location /events",
		"apache": "no SetEnv force-proxy-request-1.0 and no proxy-nokeepalive on /events",
	},
	illIdle: {
		"nginx":       "proxy_read_timeout 1h;    # in location /events; its default of 60s counts silence",
		"caddy":       "transport http { read_timeout 0 }    # or leave it out",
		"haproxy":     "timeout server 1h    # and timeout tunnel, where it is set; in the backend",
		"apache":      "ProxyPass /events http://GATEWAY/events timeout=3600    # else ProxyTimeout and Timeout count silence",
		"traefik":     "respondingTimeouts.idleTimeout above it, and forwardingTimeouts.idleConnTimeout too; readTimeout of the transport 0",
		"envoy":       "route: {timeout: 0s, idle_timeout: 3600s}; stream_idle_timeout: 3600s",
		"next":        "no rewrites() for the stream; experimental.proxyTimeout counts its silence",
		gatewayItself: "heartbeat: 4s    # below the proxy's patience, where that can't be changed",
	},
	illLength: {
		"nginx":   "no proxy_max… limit does this by default: look for a timeout in front of nginx",
		"haproxy": "timeout client, timeout server and timeout tunnel at 1h; no `http-request` that sets a smaller one",
		"apache":  "no Timeout of mod_reqtimeout on responses; ProxyTimeout 3600",
		"traefik": "entryPoints.NAME.transport.respondingTimeouts.writeTimeout: 0",
		"envoy":   "route: {timeout: 0s}    # else 15 s end every answer; and no max_stream_duration",
		"next":    "no stream through a function with maxDuration",
	},
	illAway: {
		"nginx":   "error_page 502 503 504 = @sluice_wait;    # in location /events\nlocation @sluice_wait { default_type text/event-stream; add_header Cache-Control no-cache always; return 200 \"retry: 2000\\n\\n\"; }",
		"caddy":   "handle_errors { … header Content-Type text/event-stream … respond \"retry: 2000\\n\\n\" 200 }",
		"haproxy": "http-error status 503 content-type text/event-stream lf-string \"retry: %[rand(4000),add(1000)]\\n\\n\"    # and 502, 504; then http-after-response set-status 200",
		"apache":  "ErrorDocument 502 /sluice-wait    # and 503, 504, in <Location /events>: a file served as text/event-stream with status 200",
		"traefik": "middlewares.NAME.errors: {status: [\"502-504\"], statusRewrites: {\"502-504\": 200}, service: sluice-wait, query: /sluice-wait}",
		"envoy":   "local_reply_config: a mapper for 502 and above on /events with status_code: 200 and body \"retry: 2000\\n\\n\" as text/event-stream",
		"next":    "no rewrites() for the stream: Next answers 500 while the gateway is away",
	},
	illRequest: {
		"nginx":   "no proxy_set_header HEADER \"…\"; nor proxy_pass_request_headers off; in location /events",
		"caddy":   "no request_header -HEADER and no header_up -HEADER",
		"haproxy": "no http-request del-header HEADER",
		"apache":  "no RequestHeader unset HEADER    # for Authorization behind FastCGI or CGI: CGIPassAuth On",
		"traefik": "no customRequestHeaders: {HEADER: \"\"} on the router, and for Authorization no basicAuth.removeHeader",
		"envoy":   "no request_headers_to_remove: [HEADER]",
		"next":    "no middleware that makes new request headers without HEADER",
	},
	illClient: {
		"nginx":       "proxy_set_header X-Forwarded-For $remote_addr;",
		"caddy":       "reverse_proxy writes X-Forwarded-For by itself: no header_up -X-Forwarded-For",
		"haproxy":     "option forwardfor",
		"apache":      "ProxyAddHeaders On",
		"traefik":     "it writes X-Forwarded-For by itself: no customRequestHeaders that empty it",
		"envoy":       "use_remote_address: true",
		gatewayItself: "trusted_proxies: [ADDRESS OF THE PROXY]",
	},
	illResponse: {
		"nginx":   "no proxy_hide_header HEADER; no add_header HEADER and no expires in location /events",
		"caddy":   "no header HEADER and no header_down -HEADER on /events",
		"haproxy": "no http-response set-header or del-header HEADER",
		"apache":  "no Header set or unset HEADER, and no ExpiresActive, on /events",
		"traefik": "no customResponseHeaders: {HEADER: …}",
		"envoy":   "no response_headers_to_remove: [HEADER]",
		"next":    "no headers() in next.config for this path",
	},
	illQuery: {
		"nginx":   "proxy_pass http://sluice;    # without a path, or with $is_args$args after it",
		"caddy":   "uri and rewrite with ?{query}",
		"haproxy": "no http-request set-query or set-uri without it",
		"apache":  "RewriteRule … [QSA,P]",
		"traefik": "no replacePathRegex that drops it",
		"envoy":   "no path_rewrite that drops it",
		"next":    "destination without a query of its own",
	},
	illCORS: {
		"nginx":       "no proxy_hide_header Access-Control-…, and no add_header of them in location /events: the gateway writes them",
		"caddy":       "no header that touches Access-Control-… on /events: the gateway writes them",
		"haproxy":     "no http-response set-header or del-header of Access-Control-…: the gateway writes them",
		"apache":      "no Header set or unset of Access-Control-… on /events: the gateway writes them",
		"traefik":     "no middleware headers.accessControl… on the router: the gateway writes them",
		"envoy":       "no envoy.filters.http.cors on the route: the gateway writes them",
		"next":        "no headers() with Access-Control-… for this path: the gateway writes them",
		gatewayItself: "cors: {origins: [ORIGIN], credentials: true}",
	},
}

// curesFor picks the lines for these proxies. The gateway's own stand last.
func curesFor(ill ailment, proxies []string, header string) []cure {
	var list []cure
	add := func(name string) {
		if text := cures[ill][name]; text != "" {
			text = strings.ReplaceAll(text, "HEADER", header)
			list = append(list, cure{Proxy: name, Lines: strings.Split(text, "\n")})
		}
	}
	for _, name := range proxies {
		add(name)
	}
	add(gatewayItself)
	return list
}
