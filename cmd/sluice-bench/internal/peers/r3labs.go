//go:build linux

package peers

import (
	"context"
	"net/http"

	r3labs "github.com/r3labs/sse/v2"
)

const r3labsName = "r3labs"

var r3labsPeer = Peer{
	Name: r3labsName, About: "github.com/r3labs/sse/v2's server, a stream for each user", Resume: true,
	Start: func(ctx context.Context, env Env, sh Shape) (*Target, error) {
		return startLibrary(ctx, env, sh, r3labsName)
	},
}

func runR3labs(ctx context.Context, args []string) error {
	srv := r3labs.New()
	srv.AutoStream = true
	events := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = "stream=" + r.URL.Query().Get("user")
		srv.ServeHTTP(w, r)
	})
	return runLibraryServer(ctx, args, libraryHandler(events, func(user string, data []byte) error {
		srv.Publish(user, &r3labs.Event{Data: data})
		return nil
	}))
}
