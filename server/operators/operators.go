// Package operators answers operators on the admin address. operators.go says what it
// needs for that. Operators ask how the gateway is (live.go) and was (history.go),
// whether it is ready (ready.go), and who is connected (subscribers.go). They ask what
// happened to a record (decisions.go), and why (explain.go). They look at deliveries, and
// pause them (deliveries.go).
//
// login.go lets none but operators through, and login_failures.go counts the others.
// same_origin.go refuses what pages of other origins make an operator's browser do.
// profiles.go describes the routes of pprof.
package operators

import (
	"log/slog"
	"net/http"
	"time"

	"sluice/server/auth"
	"sluice/server/describe"
	"sluice/server/limit"
	"sluice/server/metrics"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/server/status"
)

// Config is what [New] needs.
type Config struct {
	Streams    status.Streams
	Deliveries status.Deliveries // nil: there are none
	Metrics    *metrics.Metrics
	Logger     *slog.Logger
	Proxies    limit.Proxies
	Auth       Auth
	Keys       Keys                // those of back ends, which Auth may take too; nil: there are none
	Access     map[string][]string // roles of which a reader needs one, by stream
	Version    string
	Began      time.Time // when the gateway did

	// Readiness says how ready the gateway is with these streams.
	Readiness func(statuses []status.Stream, now time.Time) status.Readiness

	// Deny answers with a problem, and logs it.
	Deny func(http.ResponseWriter, *http.Request, *response.Problem)

	// Came says how a connection came; false: that isn't known yet.
	Came func(key uint64) (Connection, bool)
}

// Connection is how a subscription came.
type Connection struct {
	Since   time.Time
	Address string // as limits count it; "": none
	Carrier string
}

// Keys tells back ends from strangers.
type Keys interface {
	Check(r *http.Request, action string) (auth.APIKey, error)
}

// Operators has the handlers.
type Operators struct {
	Config
	explain  explainer
	names    subscriberNames
	history  history
	failures *limit.LogLines // by reason
}

// New returns the handlers.
func New(c Config) *Operators {
	return &Operators{Config: c, explain: explainer{c.Streams.Hub, c.Access}, names: newSubscriberNames(), failures: loginLines()}
}

// Routes describes the routes of operators. /livez and /readyz are open to everybody.
var Routes = map[string]describe.Route{
	"GET /livez":  livezRoute,
	"GET /readyz": readyzRoute,
	"GET /metrics": {Asks: describe.Operator, Operation: openapi.Operation{
		ID: "metrics", Tags: []string{describe.TagOperation}, Summary: "Metrics for Prometheus",
		Responses: describe.Responses{}.With(http.StatusOK, openapi.Response{Description: "Metrics in a format of Prometheus, chosen by `Accept`.", Content: map[string]openapi.Media{
			describe.TextType: {Schema: openapi.String("")}, "application/vnd.google.protobuf": {}}}).NotOperator(),
	}},
	"GET /live":                      liveRoute,
	"GET /live/history":              liveHistoryRoute,
	"GET /decisions":                 decisionsRoute,
	"GET /subscribers":               subscribersRoute,
	"DELETE /subscribers/{id}":       closeSubscriberRoute,
	"GET /deliveries":                deliveriesRoute,
	"POST /deliveries/{name}/pause":  pauseDeliveryRoute,
	"POST /deliveries/{name}/resume": resumeDeliveryRoute,
	"GET /debug/pprof/":              profilesRoute,
	"GET /debug/pprof/{name:goroutine|heap|allocs|threadcreate|block|mutex}": profileRoute,
	"GET /debug/pprof/profile": cpuProfileRoute,
	"GET /debug/pprof/trace":   traceRoute,
	"GET /debug/pprof/symbol":  symbolRoute,
}

// Schemas are of what operators are answered.
func Schemas() openapi.Properties {
	return openapi.Properties{
		"Readiness":   openapi.Of[status.Readiness]("Whether each stream has been read as far as it has to be."),
		"Live":        openapi.Of[Live]("The gateway's numbers at one moment."),
		"LiveHistory": openapi.Of[LiveHistory]("A few of the gateway's numbers over the last 15 minutes."),
		"Decisions":   openapi.Of[Decisions]("What happened to records."),
		"Subscribers": openapi.Of[SubscriberList]("The connections."),
		"Deliveries":  openapi.Of[DeliveryList]("The deliveries."),
	}
}
