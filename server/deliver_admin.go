package server

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"sluice/server/limit"
	"sluice/server/metrics"
	"sluice/server/operators"
	"sluice/server/response"
	"sluice/server/status"
)

// DeliverAdmin is what the admin address of a process needs that only delivers.
type DeliverAdmin struct {
	Deliveries status.Deliveries
	Metrics    *metrics.Metrics
	Auth       operators.Auth // without keys of back ends
	Logger     *slog.Logger
}

// NewDeliverAdmin answers operators of a process that only delivers: /livez, /metrics and
// /deliveries.
func NewDeliverAdmin(c DeliverAdmin) http.Handler {
	o := operators.New(operators.Config{
		Deliveries: c.Deliveries, Metrics: c.Metrics, Auth: c.Auth, Logger: c.Logger, Proxies: limit.Proxies{}, Began: time.Now(),
		Deny: func(w http.ResponseWriter, _ *http.Request, p *response.Problem) { p.Write(w) },
	})
	c.Metrics.WatchDeliveries(c.Deliveries)
	r := newRouter(c.Logger)
	if c.Auth.Open() {
		r.Use(o.KnownHost)
	}
	get(r, "/livez", http.HandlerFunc(o.Livez))
	r.Group(func(r chi.Router) {
		r.Use(o.Only)
		get(r, "/metrics", c.Metrics.Handler())
		o.MountDeliveries(r)
	})
	return r
}
