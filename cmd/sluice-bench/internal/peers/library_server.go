//go:build linux

package peers

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"sluice/cmd/sluice-bench/internal/load"
)

// The peers that are Go libraries run in a separate process, with as few lines around
// them as make a server.

// runLibraryServer serves a library's handler until ctx ends.
func runLibraryServer(ctx context.Context, args []string, handler http.Handler) error {
	fl := flag.NewFlagSet("peer", flag.ContinueOnError)
	listen := fl.String("listen", "127.0.0.1:0", "address")
	cert := fl.String("cert", "", "certificate file: speak HTTPS")
	key := fl.String("key", "", "its key's file")
	if err := fl.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:     handler,
		Protocols:   new(http.Protocols),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // clients that go away at the end
	}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	srv.Protocols.SetHTTP2(true)
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	if *cert != "" {
		err = srv.ServeTLS(l, *cert, *key)
	} else {
		err = srv.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// libraryHandler serves events by GET, and takes publications by POST for publish.
func libraryHandler(events http.Handler, publish func(user string, data []byte) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /events", events)
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err == nil {
			err = publish(r.URL.Query().Get("user"), data)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}

// startLibrary starts one of these peers' processes. Its special arguments come before
// those that all have.
func startLibrary(ctx context.Context, env Env, sh Shape, name string, args ...string) (*Target, error) {
	args = append([]string{name}, args...)
	if sh.Proto == load.HTTPS {
		cert, key, err := certificate(env.Dir)
		if err != nil {
			return nil, err
		}
		args = append(args, "--cert", cert, "--key", key)
	}
	return startPublished(ctx, env, name, args...)
}

// replayFor is how long the libraries that can keep events for those who come back.
const replayFor = 10 * time.Minute
