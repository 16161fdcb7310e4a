//go:build linux

package peers

import (
	"context"
	"errors"
	"net/http"

	tmaxmax "github.com/tmaxmax/go-sse"
)

const tmaxmaxName = "tmaxmax"

var tmaxmaxPeer = Peer{
	Name: tmaxmaxName, About: "github.com/tmaxmax/go-sse's server, a topic for each user", Resume: true,
	Start: func(ctx context.Context, env Env, sh Shape) (*Target, error) {
		return startLibrary(ctx, env, sh, tmaxmaxName)
	},
}

func runTmaxmax(ctx context.Context, args []string) error {
	replayer, err := tmaxmax.NewValidReplayer(replayFor, true)
	if err != nil {
		return err
	}
	srv := &tmaxmax.Server{
		Provider: &tmaxmax.Joe{Replayer: headFirst{replayer}},
		OnSession: func(_ http.ResponseWriter, r *http.Request) ([]string, bool) {
			return []string{r.URL.Query().Get("user")}, true
		},
	}
	return runLibraryServer(ctx, args, libraryHandler(srv, func(user string, data []byte) error {
		m := &tmaxmax.Message{}
		m.AppendData(string(data))
		return srv.Publish(m, user)
	}))
}

// headFirst sends the response's head when a client is subscribed; the library
// by itself waits for the first event.
type headFirst struct{ tmaxmax.Replayer }

func (h headFirst) Replay(sub tmaxmax.Subscription) error {
	return errors.Join(h.Replayer.Replay(sub), sub.Client.Flush())
}
