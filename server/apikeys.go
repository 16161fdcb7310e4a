package server

import "net/http"

// APIKeys tells back ends from strangers. It is declared here, where it is called.
type APIKeys interface {
	// Check returns the name of the key that a request shows, or why it isn't let in,
	// written to be shown.
	Check(r *http.Request) (name string, err error)
}
