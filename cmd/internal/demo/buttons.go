package demo

import (
	"net/http"
	"slices"
)

// fillOrders are those that come in while a page is away.
const fillOrders = 100

// order has the customer place an order.
func (b *balancer) order(w http.ResponseWriter, r *http.Request) { b.visit(w, r, 1) }

// fill has the customer place many.
func (b *balancer) fill(w http.ResponseWriter, r *http.Request) { b.visit(w, r, fillOrders) }

func (b *balancer) visit(w http.ResponseWriter, r *http.Request, orders int) {
	customer := r.URL.Query().Get("user")
	if !slices.Contains(users, customer) {
		http.Error(w, "No such customer.", http.StatusNotFound)
		return
	}
	select {
	case b.visits <- visit{customer, orders}:
		w.WriteHeader(http.StatusNoContent)
	case <-r.Context().Done():
	}
}

// cut ends the page's connection as a network would: nobody is told.
func (b *balancer) cut(w http.ResponseWriter, r *http.Request) {
	if s := b.stream(r); s != nil {
		s.cut()
	}
	w.WriteHeader(http.StatusNoContent)
}

// stop stops the gateway that has the page's stream, for a while. Kafka stays.
func (b *balancer) stop(w http.ResponseWriter, r *http.Request) {
	if s := b.stream(r); s != nil {
		b.members[s.by].stop()
	}
	w.WriteHeader(http.StatusNoContent)
}
