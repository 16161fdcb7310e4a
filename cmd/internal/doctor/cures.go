package doctor

import "strings"

// problem is what there are cures for.
type problem string

const (
	problemBuffer   problem = "buffer"   // held back
	problemCompress problem = "compress" // compressed
	problemOldHTTP  problem = "old"      // HTTP/1.0 to the gateway
	problemIdle     problem = "idle"     // cut off when silent
	problemLength   problem = "length"   // cut off when old
	problemDowntime problem = "away"     // the wrong answer while the gateway is away
	problemRequest  problem = "request"  // a header is lost on the way there
	problemClient   problem = "client"   // the client's address is lost
	problemResponse problem = "response" // a header is lost on the way back
	problemQuery    problem = "query"    // the query is lost
	problemCORS     problem = "cors"     // headers of CORS are lost on the way back
)

// gatewayItself is what needs changing where the proxy doesn't.
const gatewayItself = "sluice"

// cure is what to change, where.
type cure struct {
	Proxy string   `json:"proxy"`
	Lines []string `json:"lines"`
}

// cures has the lines by problem and proxy. HEADER stands for the header concerned,
// ORIGIN for the page's. A proxy that a problem lacks can't have it, as far as is known.
var cures = map[problem]map[string]string{
	problemBuffer: {
		"nginx":   "proxy_buffering off;    # in location /events; and no proxy_ignore_headers X-Accel-Buffering",
		"caddy":   "no response_buffers in reverse_proxy",
		"haproxy": "option http-no-delay    # in the backend: else each event waits 200 ms for more",
		"apache":  "ProxyPass /events http://GATEWAY/events flushpackets=on    # and no SetOutputFilter BUFFER there",
		"traefik": "no middleware `buffering` on the router of /events",
		"envoy":   "no filter that reads whole answers on the route of /events (ext_proc with response_body_mode BUFFERED, Lua's body())",
		"next":    "no rewrites() and no middleware for the stream: let the proxy in front of Next send /events to the gateway",
	},
	problemCompress: {
		"nginx":   "gzip off;    # in location /events (and brotli off; where that module is)",
		"caddy":   "request_header /events -Accept-Encoding    # whatever `encode` the site has",
		"haproxy": "http-request del-header Accept-Encoding if { path /events }    # or no text/event-stream in `compression type`",
		"apache":  "SetEnv no-gzip 1\nSetEnv no-brotli 1    # both in <Location /events>",
		"traefik": "no middleware `compress` on the router of /events, or excludedContentTypes: [text/event-stream] in it",
		"envoy":   "no text/event-stream in the compressor's content_type, or the filter disabled for the route of /events",
		"next":    "compress: false    # in next.config; better no rewrites() for the stream",
	},
	problemOldHTTP: {
		"nginx":  "proxy_http_version 1.1;\nproxy_set_header Connection \"\";    # both in location /events",
		"apache": "no SetEnv force-proxy-request-1.0 on /events",
	},
	problemIdle: {
		"nginx":       "proxy_read_timeout 1h;    # in location /events: 60s of silence, if nothing is said",
		"caddy":       "no read_timeout in the `transport http` of reverse_proxy",
		"haproxy":     "timeout server 1h    # in the backend",
		"apache":      "ProxyPass /events http://GATEWAY/events timeout=3600    # else ProxyTimeout or Timeout counts",
		"traefik":     "entryPoints.NAME.transport.respondingTimeouts.writeTimeout: 0",
		"envoy":       "route: {timeout: 0s, idle_timeout: 3600s}    # and stream_idle_timeout: 3600s of the connection manager",
		"next":        "no rewrites() for the stream: experimental.proxyTimeout counts its silence, 30 s if nothing is said",
		gatewayItself: "heartbeat: 4s    # or what is shorter than the proxy's patience, where that can't be changed",
	},
	problemLength: {
		"nginx":   "worker_shutdown_timeout 1h;    # a reload ends streams after it",
		"caddy":   "no `write` under servers { timeouts { … } } in the global options",
		"haproxy": "hard-stop-after 1h    # a reload ends streams after it",
		"traefik": "entryPoints.NAME.transport.respondingTimeouts.writeTimeout: 0",
		"envoy":   "route: {timeout: 0s}    # else 15 s end every answer; and no max_stream_duration",
		"next":    "no stream through a function with maxDuration",
	},
	problemDowntime: {
		"nginx":   "error_page 502 503 504 = @sluice_wait;    # in location /events\nlocation @sluice_wait { default_type text/event-stream; add_header Cache-Control no-cache always; return 200 \"retry: 2000\\n\\n\"; }\n# and add_header Access-Control-… there for pages of other origins; the whole: deploy/proxies/nginx.conf",
		"caddy":   "handle_errors { … header Content-Type text/event-stream … respond \"retry: 2000\\n\\n\" 200 }    # the whole: deploy/proxies/Caddyfile",
		"haproxy": "http-error status 503 content-type text/event-stream lf-string \"retry: %[rand(4000),add(1000)]\\n\\n\"    # and 502, 504\nhttp-after-response set-status 200 if …    # the whole: deploy/proxies/haproxy.cfg",
		"apache":  "ErrorDocument 502 /sluice-wait    # and 503, 504, in <Location /events>; the whole: deploy/proxies/apache",
		"traefik": "middlewares.NAME.errors: {status: [\"502-504\"], statusRewrites: {\"502-504\": 200}, service: sluice-wait, query: /sluice-wait}    # deploy/proxies/traefik.yaml",
		"envoy":   "local_reply_config: a mapper to status_code: 200, text/event-stream and \"retry: 2000\\n\\n\"    # the whole: deploy/proxies/envoy.yaml",
		"next":    "no rewrites() for the stream: Next answers 500 while the gateway is away",
	},
	problemRequest: {
		"nginx":   "no proxy_set_header HEADER \"…\"; and no proxy_pass_request_headers off; in location /events",
		"caddy":   "no request_header -HEADER and no header_up -HEADER",
		"haproxy": "no http-request del-header HEADER",
		"apache":  "no RequestHeader unset HEADER",
		"traefik": "no customRequestHeaders: {HEADER: …} on the router; for Authorization no basicAuth with removeHeader",
		"envoy":   "no request_headers_to_remove: [HEADER]",
		"next":    "no middleware that makes the request's headers anew without HEADER",
	},
	problemClient: {
		"nginx":       "proxy_set_header X-Forwarded-For $remote_addr;",
		"caddy":       "no header_up -X-Forwarded-For: Caddy writes it by itself",
		"haproxy":     "option forwardfor",
		"apache":      "ProxyAddHeaders On",
		"traefik":     "no customRequestHeaders: {X-Forwarded-For: \"\"}: Traefik writes it by itself",
		"envoy":       "use_remote_address: true",
		"next":        "no rewrites() for the stream: they don't hand on whose it is",
		gatewayItself: "trusted_proxies: [ADDRESS OF THE PROXY]",
	},
	problemResponse: {
		"nginx":   "no proxy_hide_header HEADER; no add_header HEADER and no expires in location /events",
		"caddy":   "no `header HEADER` and no header_down HEADER on /events",
		"haproxy": "no http-response set-header or del-header HEADER",
		"apache":  "no Header set or unset HEADER, and no ExpiresActive, on /events",
		"traefik": "no customResponseHeaders: {HEADER: …}",
		"envoy":   "no response_headers_to_remove: [HEADER]",
		"next":    "no headers() in next.config for this path",
	},
	problemQuery: {
		"nginx":   "proxy_pass http://sluice;    # without a path, or with $is_args$args after it; no rewrite that ends in ?",
		"caddy":   "rewrite * /events?{query}    # where it is rewritten",
		"haproxy": "no http-request set-query, and no set-uri without it",
		"apache":  "RewriteRule … [QSA,P]    # where it is rewritten",
	},
	problemCORS: {
		"nginx":       "no proxy_hide_header Access-Control-…, and no add_header of them in location /events: the gateway writes them",
		"caddy":       "no `header` that touches Access-Control-… on /events: the gateway writes them",
		"haproxy":     "no http-response set-header or del-header of Access-Control-…: the gateway writes them",
		"apache":      "no Header set or unset of Access-Control-… on /events: the gateway writes them",
		"traefik":     "no middleware headers with accessControl… on the router: the gateway writes them",
		"envoy":       "no envoy.filters.http.cors on the route: the gateway writes them",
		"next":        "no headers() with Access-Control-… for this path: the gateway writes them",
		gatewayItself: "cors: {origins: [\"ORIGIN\"], credentials: true}",
	},
}

// curesFor picks the lines for these proxies. about is the header or origin concerned.
// The gateway's own stand last.
func curesFor(which problem, proxies []string, about string) []cure {
	var list []cure
	add := func(name string) {
		if text := cures[which][name]; text != "" {
			text = strings.NewReplacer("HEADER", about, "ORIGIN", about).Replace(text)
			list = append(list, cure{Proxy: name, Lines: strings.Split(text, "\n")})
		}
	}
	for _, name := range proxies {
		add(name)
	}
	add(gatewayItself)
	return list
}
