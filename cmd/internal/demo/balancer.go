package demo

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"sluice/cmd/internal/config"
)

// silent is the log of what a browser that leaves makes a proxy say.
var silent = log.New(io.Discard, "", 0)

// balancer stands before the gateways as a load balancer would: requests go to them in
// turn. It does what the page's buttons say, and knows which gateway has a page's stream.
//
// A page gives its stream a name (?tab=), which the gateways don't mind.
type balancer struct {
	members []*member
	visits  chan<- visit

	mu      sync.Mutex            // guards the rest
	turn    int                   // of the next request
	streams map[string]*tabStream // by the name of the tab
}

// tabStream is a page's stream.
type tabStream struct {
	by  int // index of the gateway
	cut context.CancelFunc
}

func newBalancer(members []*member, visits chan<- visit) *balancer {
	return &balancer{members: members, visits: visits, streams: make(map[string]*tabStream)}
}

// handler has the buttons and, for everything else, the gateways. Pages of other sites
// can't press a button.
func (b *balancer) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", http.HandlerFunc(b.forward))
	mux.HandleFunc("GET /demo/where", b.where)
	own := http.NewCrossOriginProtection()
	for path, press := range map[string]http.HandlerFunc{"order": b.order, "fill": b.fill, "cut": b.cut, "stop": b.stop} {
		mux.Handle("POST /demo/"+path, own.Handler(press))
	}
	return mux
}

// serve serves on l, as https with a certificate, until stop is called. What the gateways
// said to their clients is passed on before that.
func (b *balancer) serve(l net.Listener, tls config.CertPair) (failed <-chan error, stop func()) {
	s := &http.Server{Handler: b.handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent}
	ended := make(chan error, 1)
	go func() {
		if tls == (config.CertPair{}) {
			ended <- s.Serve(l)
		} else {
			ended <- s.ServeTLS(l, tls.CertFile, tls.KeyFile)
		}
	}()
	return ended, func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			_ = s.Close() // of streams that have not ended by then
		}
	}
}

// forward hands a request to the gateway whose turn it is.
func (b *balancer) forward(w http.ResponseWriter, r *http.Request) {
	b.begun(r.Context())
	i, h := b.next()
	if h == nil {
		away(w)
		return
	}
	if tab := r.URL.Query().Get("tab"); tab != "" {
		ctx, cut := context.WithCancel(r.Context())
		defer cut()
		defer b.carry(tab, &tabStream{i, cut})()
		r = r.WithContext(ctx)
	}
	h.ServeHTTP(w, r)
}

// begun waits for the first gateway to serve for the first time. A request while the demo
// starts is not sent away: curl doesn't come back.
func (b *balancer) begun(ctx context.Context) {
	select {
	case <-b.members[0].ready:
	case <-ctx.Done():
	}
}

// next is the gateway whose turn it is, of those that are there; nil if none is.
func (b *balancer) next() (int, http.Handler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.members {
		i := b.turn % len(b.members)
		b.turn = i + 1
		if h := b.members[i].serving.Load(); h != nil {
			return i, *h
		}
	}
	return 0, nil
}

// carry remembers a page's stream until the function that it returns is called.
func (b *balancer) carry(tab string, s *tabStream) (end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streams[tab] = s
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.streams[tab] == s { // and not a newer one
			delete(b.streams, tab)
		}
	}
}

// stream is that of the page which asks; nil if it has none now.
func (b *balancer) stream(r *http.Request) *tabStream {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.streams[r.URL.Query().Get("tab")]
}

// where says which gateway has the page's stream, counted from 1, or 0; and which
// gateways are there.
func (b *balancer) where(w http.ResponseWriter, r *http.Request) {
	answer := struct {
		Gateway int    `json:"gateway"`
		There   []bool `json:"there"`
	}{}
	if s := b.stream(r); s != nil {
		answer.Gateway = s.by + 1
	}
	for _, m := range b.members {
		answer.There = append(answer.There, m.serving.Load() != nil)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer) // the page may be gone
}

// away answers while no gateway is there. A browser comes back by itself.
func away(w http.ResponseWriter) {
	w.Header().Set("Refresh", "2")
	w.Header().Set("Retry-After", "2")
	http.Error(w, "Both gateways are stopped. They come back within seconds.", http.StatusServiceUnavailable)
}
