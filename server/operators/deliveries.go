package operators

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/server/status"
)

// DeliveryList is the body of GET /deliveries.
type DeliveryList struct {
	Deliveries []status.Delivery `json:"deliveries"`
}

// ListDeliveries answers GET /deliveries.
func (o *Operators) ListDeliveries(w http.ResponseWriter, _ *http.Request) {
	list := DeliveryList{Deliveries: []status.Delivery{}}
	if o.Deliveries != nil {
		list.Deliveries = append(list.Deliveries, o.Deliveries.Deliveries()...)
	}
	response.JSON(w, http.StatusOK, list)
}

// PauseDelivery answers POST /deliveries/{name}/pause.
func (o *Operators) PauseDelivery(w http.ResponseWriter, r *http.Request) {
	o.changeDelivery(w, r, "an operator paused a delivery", func(d status.Deliveries, name string) bool { return d.PauseDelivery(name) })
}

// ResumeDelivery answers POST /deliveries/{name}/resume.
func (o *Operators) ResumeDelivery(w http.ResponseWriter, r *http.Request) {
	o.changeDelivery(w, r, "an operator resumed a delivery", func(d status.Deliveries, name string) bool { return d.ResumeDelivery(name) })
}

func (o *Operators) changeDelivery(w http.ResponseWriter, r *http.Request, line string, change func(status.Deliveries, string) bool) {
	name := chi.URLParam(r, "name")
	if o.Deliveries == nil || !change(o.Deliveries, name) {
		response.NewProblem(http.StatusNotFound, "delivery", "There is no such delivery", "This gateway runs no delivery of that name.").Write(w)
		return
	}
	o.Logger.InfoContext(r.Context(), line, "audit", true, "delivery", name, "address", o.Proxies.Client(r).String())
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

var deliveriesRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "deliveries", Tags: []string{describe.TagOperation}, Summary: "The deliveries to programs",
	Description: "How each delivery is on this gateway. Other gateways deliver other partitions.",
	Responses:   describe.Responses{}.JSON(http.StatusOK, "All deliveries.", openapi.Ref("Deliveries"), nil).NotOperator(),
}}

func changeDeliveryRoute(id, summary, about, done string) describe.Route {
	return describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
		ID: id, Tags: []string{describe.TagOperation}, Summary: summary, Description: about,
		Parameters: []openapi.Parameter{{Name: "name", In: "path", Required: true, Description: "Name of the delivery.", Schema: openapi.String("")}},
		Responses: describe.Responses{}.With(http.StatusNoContent, openapi.Response{Description: done}).
			Problem(http.StatusForbidden, "A page of another origin asks.", "cross-origin").
			Problem(http.StatusNotFound, "This gateway runs no such delivery.", "delivery").NotOperator(),
	}}
}

var (
	pauseDeliveryRoute  = changeDeliveryRoute("pauseDelivery", "Pause a delivery", "This gateway sends nothing until the delivery is resumed, or the gateway restarts. Nothing is lost.", "Nothing is sent any more. What is under way ends.")
	resumeDeliveryRoute = changeDeliveryRoute("resumeDelivery", "Resume a delivery", "Goes on after a pause, by an operator or by a target that answered 410. A delivery that has stopped looks whether it can go on.", "The delivery goes on.")
)

// MountDeliveries adds the routes of deliveries.
func (o *Operators) MountDeliveries(r chi.Router) {
	r.Method(http.MethodGet, "/deliveries", http.HandlerFunc(o.ListDeliveries))
	r.Method(http.MethodHead, "/deliveries", http.HandlerFunc(o.ListDeliveries))
	r.With(o.SameOrigin).Method(http.MethodPost, "/deliveries/{name}/pause", http.HandlerFunc(o.PauseDelivery))
	r.With(o.SameOrigin).Method(http.MethodPost, "/deliveries/{name}/resume", http.HandlerFunc(o.ResumeDelivery))
}
