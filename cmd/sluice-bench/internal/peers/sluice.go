//go:build linux

package peers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/measure"
	"sluice/cmd/sluice-bench/internal/process"
)

var (
	sluicePeer          = gateway(Sluice, "the gateway", "")
	sluiceFilterPeer    = gateway("sluice-filter", "the gateway, each record through a jq filter", `, filter: '.user != ""'`)
	sluiceTransformPeer = gateway("sluice-transform", "the gateway, each record shaped by jq", `, transform: '{at, n, user}'`)
	sluiceDropPeer      = gateway("sluice-drop", "the gateway, a field of each record dropped", ", drop: [pad]")
)

// gateway is the gateway with further keys of its streams.
func gateway(name, about, keys string) Peer {
	return Peer{
		Name: name, About: about, Kafka: true, Resume: true, gateway: true,
		protos: []string{load.HTTPS, load.H2C, load.WS},
		Start: func(ctx context.Context, env Env, sh Shape) (*Target, error) {
			return startSluice(ctx, env, sh, name, keys)
		},
	}
}

// startSluice runs `sluice serve` on a configuration made for the run.
func startSluice(ctx context.Context, env Env, sh Shape, name, keys string) (*Target, error) {
	listen, err := freeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	t := &Target{Addr: listen, Admin: admin, Path: sluicePath}
	if sh.Proto == load.WS {
		t.Path = func(a Audience) string { return strings.Replace(sluicePath(a), "/events", "/ws", 1) }
	}
	auth := "auth: none"
	if env.JWT {
		if auth, err = env.tokens(t); err != nil {
			return nil, err
		}
	}
	tls := ""
	if sh.Proto == load.HTTPS {
		cert, key, err := certificate(env.Dir)
		if err != nil {
			return nil, err
		}
		tls = fmt.Sprintf("tls_cert_file: %q\ntls_key_file: %q\n", cert, key)
	}
	config := fmt.Sprintf(`listen: %q
admin: %q
heartbeat: %s
limits: {connections: 0, per_user: 0, connects_per_second: 0}
%skafka:
  brokers: ["%s"]
streams:
  private: {topic: %s, audience: user, user: %q%s}
  public: {topic: %s, audience: everyone%s}
%s
`, listen, admin, env.Heartbeat, tls, strings.Join(env.Brokers, `", "`), sh.Topics[Private], env.UserFrom, keys, sh.Topics[Public], keys, auth)
	file := filepath.Join(env.Dir, name+".yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	var environ []string
	if sh.Idle {
		environ = append(environ, measure.GCTrace) // a line a cycle; cycles are rare in an idle process
	}
	c, err := process.Start(env.Dir, name, environ, env.Sluice, "serve", "-c", file)
	if err != nil {
		return nil, err
	}
	if err := ready(ctx, c, "http://"+admin+"/readyz"); err != nil {
		c.Stop()
		return nil, err
	}
	return started(ctx, c, t)
}

func sluicePath(a Audience) string {
	if a == Both {
		return "/events?user={user}"
	}
	return "/events?stream=" + string(a) + "&user={user}"
}

// tokens has every client identify itself by a token, and returns the
// configuration that accepts them.
func (env Env) tokens(t *Target) (auth string, err error) {
	const secret = "a secret for loads on this machine only"
	var lines strings.Builder
	for n := range env.Clients {
		lines.WriteString(token(secret, n))
		lines.WriteByte('\n')
	}
	t.TokenFile = filepath.Join(env.Dir, "tokens")
	t.Token = func(n int) string { return token(secret, n) }
	t.Header = []string{"Authorization: Bearer {token}"}
	return fmt.Sprintf("auth: {jwt: {secret: %q}}", secret), os.WriteFile(t.TokenFile, []byte(lines.String()), 0o600)
}

// token is client n's JWT, good for longer than any benchmark.
func token(secret string, n int) string {
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		enc.EncodeToString(fmt.Appendf(nil, `{"sub":%q,"exp":4102444800}`, load.UserOf(n)))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + enc.EncodeToString(mac.Sum(nil))
}
