//go:build linux

package peers

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/process"
)

const pushpinOriginName = "pushpin-origin"

// pushpinPeer is pushpin with its own front and HTTP client (condure, zurl), all
// of whose processes count. It asks an origin server what each client listens to;
// that is ours, and its CPU isn't counted.
var pushpinPeer = Peer{
	Name: "pushpin", About: "pushpin, the proxy that holds streams for an origin server",
	lacks: func() string {
		for _, program := range []string{"pushpin", "condure", "zurl"} {
			if _, err := exec.LookPath(program); err != nil {
				return "there is no " + program + " (apt-get install pushpin condure zurl)"
			}
		}
		if _, err := os.Stat(pushpinInternal); err != nil {
			return "there is no " + pushpinInternal
		}
		return ""
	},
	Start: startPushpin,
}

const pushpinInternal = "/usr/lib/pushpin/internal.conf"

const pushpinConfig = `[global]
include=%[1]s
rundir=%[2]s
ipc_prefix=p-
port_offset=0
stats_connection_ttl=120

[runner]
services=condure,zurl,pushpin-proxy,pushpin-handler
http_port=%[3]s
logdir=%[2]s
log_level=0
client_buffer_size=8192
client_maxconn=50000
condure_bin=condure
zurl_bin=zurl

[proxy]
routesfile=%[2]s/routes
zurl_out_specs=ipc://{rundir}/{ipc_prefix}zurl-in
zurl_out_stream_specs=ipc://{rundir}/{ipc_prefix}zurl-in-stream
zurl_in_specs=ipc://{rundir}/{ipc_prefix}zurl-out

[handler]
push_in_http_addr=127.0.0.1
push_in_http_port=%[4]s
push_in_sub_specs=
command_spec=ipc://{rundir}/{ipc_prefix}command
message_rate=1000000
message_hwm=1000000
connection_subscription_max=20
`

// pushpinItem publishes the bytes of an event; {json} is the data as the inside of a JSON
// string.
const pushpinItem = `{"items":[{"channel":"{user}","formats":{"http-stream":{"content":"data: {json}\n\n"}}}]}`

func startPushpin(ctx context.Context, env Env, _ Shape) (*Target, error) {
	var addrs [3]string
	for i := range addrs {
		var err error
		if addrs[i], err = freeAddr(); err != nil {
			return nil, err
		}
	}
	front, control, originAddr := addrs[0], addrs[1], addrs[2]
	dir, err := os.MkdirTemp(env.Dir, "pushpin")
	if err != nil {
		return nil, err
	}
	_, controlPort, err := net.SplitHostPort(control)
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(pushpinConfig, pushpinInternal, dir, front, controlPort)
	file := filepath.Join(dir, "pushpin.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "routes"), []byte("* "+originAddr+"\n"), 0o600); err != nil {
		return nil, err
	}
	origin, err := process.StartSelf(env.Dir, pushpinOriginName, pushpinOriginName, "--listen", originAddr)
	if err != nil {
		return nil, err
	}
	if err := listening(ctx, origin, originAddr); err != nil {
		origin.Stop()
		return nil, err
	}
	c, err := process.Start(env.Dir, "pushpin", nil, "pushpin", "--config="+file)
	if err != nil {
		origin.Stop()
		return nil, err
	}
	t := published(front)
	t.Window = 20 // beyond it answers 502: its requests to the origin queue up
	t.Feed = func(Audience) (load.Feeder, error) {
		return load.NewHTTPFeeder("POST", "http://"+control+"/publish/", pushpinItem), nil
	}
	if t, err = started(ctx, c, t); err != nil {
		origin.Stop()
		return nil, err
	}
	t.Stop = func() {
		c.Stop()
		origin.Stop()
	}
	return t, nil
}

// runPushpinOrigin tells pushpin to hold each request open, on its user's channel.
func runPushpinOrigin(ctx context.Context, args []string) error {
	return runLibraryServer(ctx, args, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Grip-Hold", "stream")
		h.Set("Grip-Channel", r.URL.Query().Get("user"))
	}))
}
