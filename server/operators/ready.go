package operators

import (
	"net/http"
	"time"

	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
)

// Readyz answers 200 or 503, each with the same body: for the gateway, or for the streams
// of ?stream= alone.
func (o *Operators) Readyz(w http.ResponseWriter, r *http.Request) {
	state := o.Readiness(o.Streams.Source.Status(), time.Now())
	if asked := r.URL.Query()["stream"]; len(asked) > 0 {
		var known bool
		if state, known = state.Of(asked); !known {
			unknownStream().Write(w)
			return
		}
	}
	status := http.StatusOK
	if !state.Ready {
		status = http.StatusServiceUnavailable
	}
	response.JSON(w, status, state)
}

// DeliveriesReadiness is the body of GET /readyz of a process that only delivers.
type DeliveriesReadiness struct {
	Ready      bool                `json:"ready"`
	Deliveries []deliveryReadiness `json:"deliveries"`
}

type deliveryReadiness struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	State string `json:"state"` // as in /deliveries, which says why
}

// ReadyzOfDeliveries answers 200 once each delivery is a member of its group, and 503
// while one isn't: it begins, waits for Kafka, or has stopped. One that is paused is
// ready. So is one whose target is down, since a restart would not help.
func (o *Operators) ReadyzOfDeliveries(w http.ResponseWriter, _ *http.Request) {
	body, status := DeliveriesReadiness{Ready: true, Deliveries: []deliveryReadiness{}}, http.StatusOK
	for _, d := range o.Deliveries.Deliveries() {
		ready := d.State == "running" || d.State == "paused"
		body.Deliveries = append(body.Deliveries, deliveryReadiness{d.Name, ready, d.State})
		if !ready {
			body.Ready, status = false, http.StatusServiceUnavailable
		}
	}
	response.JSON(w, status, body)
}

// Livez answers whenever the process can: what waits for Kafka is alive, and to restart
// it would not help.
func (o *Operators) Livez(w http.ResponseWriter, _ *http.Request) {
	response.JSON(w, http.StatusOK, struct {
		Live bool `json:"live"`
	}{true})
}

var livezRoute = describe.Route{Operation: openapi.Operation{
	ID: "livez", Tags: []string{describe.TagHealth}, Summary: "Whether the process can answer",
	Description: "A gateway that waits for Kafka is alive: a restart would not help.",
	Responses:   describe.Responses{}.JSON(http.StatusOK, "The process answers.", openapi.Object("", openapi.Properties{"live": openapi.Bool("")}, "live"), nil),
}}

var readyzRoute = describe.Route{Operation: openapi.Operation{
	ID: "readyz", Tags: []string{describe.TagHealth}, Summary: "Whether a load balancer should send new requests here",
	Description: "At start the gateway is ready when each stream has been read once. A topic that doesn't exist, may not be read or has partitions without a leader holds it up for 10 seconds. " +
		"Afterwards it is not ready while it drains, or when Kafka has answered for none of its streams for `ready_grace`.",
	Parameters: []openapi.Parameter{describe.StreamParameter},
	Responses: describe.Responses{}.
		JSON(http.StatusOK, "Ready: send requests here.", openapi.Ref("Readiness"), nil).
		Problem(http.StatusNotFound, "The stream doesn't exist.", "stream").
		JSON(http.StatusServiceUnavailable, "Not ready: send no new requests here.", openapi.Ref("Readiness"), nil),
}}
