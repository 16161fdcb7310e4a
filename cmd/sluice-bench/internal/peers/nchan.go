//go:build linux

package peers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"sluice/cmd/sluice-bench/internal/process"
)

const (
	nginxProgram = "/usr/sbin/nginx"
	nchanModule  = "/usr/lib/nginx/modules/ngx_nchan_module.so"
)

// nchanPeer is nginx with nchan, one worker: with more, the workers talk to each
// other for every event. Where only connections are held there are two, since one
// has not descriptors enough for what hold asks.
var nchanPeer = Peer{
	Name: "nchan", About: "nginx with the nchan module", Resume: true,
	lacks: func() string {
		for _, f := range []string{nginxProgram, nchanModule} {
			if _, err := os.Stat(f); err != nil {
				return "there is no " + f + " (apt-get install nginx libnginx-mod-nchan)"
			}
		}
		return ""
	},
	Start: startNchan,
}

const nchanConfig = `load_module %[1]s;
daemon off;
master_process on;
worker_processes %[5]d;
user root;
pid %[2]s;
error_log stderr error;
events { worker_connections 20000; }
http {
  access_log off;
  client_body_temp_path %[3]s/body; proxy_temp_path %[3]s/proxy; fastcgi_temp_path %[3]s/fastcgi; uwsgi_temp_path %[3]s/uwsgi; scgi_temp_path %[3]s/scgi;
  keepalive_requests 1000000000;
  nchan_shared_memory_size 512M;
  server {
    listen %[4]s backlog=4096;
    location /publish { nchan_publisher; nchan_channel_id $arg_user; nchan_message_buffer_length 10000; nchan_message_timeout 10m; }
    location /events { nchan_subscriber eventsource; nchan_channel_id $arg_user; nchan_subscriber_first_message newest; }
  }
}
`

func startNchan(ctx context.Context, env Env, sh Shape) (*Target, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(env.Dir, "nginx")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	workers := 1
	if sh.Idle {
		workers = 2
	}
	config := fmt.Sprintf(nchanConfig, nchanModule, filepath.Join(dir, "pid"), dir, addr, workers)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	program, err := exec.LookPath(nginxProgram)
	if err != nil {
		return nil, err
	}
	c, err := process.Start(env.Dir, "nchan", nil, program, "-c", file, "-p", dir)
	if err != nil {
		return nil, err
	}
	return started(ctx, c, published(addr))
}
