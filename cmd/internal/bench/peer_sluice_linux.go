package bench

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

var sluicePeer = peer{
	name: self, about: "this program's own gateway", kafka: true, resume: true,
	protos: []string{protoTLS, protoH2C},
	start:  startSluice,
}

// startSluice runs `sluice serve` on a configuration made for the run.
func startSluice(ctx context.Context, s *session, sh shape) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	listen, err := freeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	t := &target{addr: listen, admin: admin, path: sluicePath}
	auth := "auth: none"
	if s.auth == "jwt" {
		if auth, err = s.sluiceTokens(t); err != nil {
			return nil, err
		}
	}
	tls := ""
	if sh.proto == protoTLS {
		cert, key, err := s.certificate()
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
  private: {topic: %s, audience: user, user: %q}
  public: {topic: %s, audience: everyone}
%s
`, listen, admin, s.heartbeat, tls, strings.Join(s.brokersNow(), `", "`), sh.topics[private], s.userFrom, sh.topics[public], auth)
	file := filepath.Join(s.dir, "sluice.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	var env []string
	if sh.idle {
		env = append(env, gcTrace) // a line a cycle; cycles are rare in an idle process
	}
	c, err := start(s.dir, "sluice", env, self, "serve", "-c", file)
	if err != nil {
		return nil, err
	}
	if err := ready(ctx, c, "http://"+admin+"/readyz"); err != nil {
		c.stop()
		return nil, err
	}
	return started(ctx, c, t)
}

func sluicePath(a audience) string {
	if a == both {
		return "/events?user={user}"
	}
	return "/events?stream=" + string(a) + "&user={user}"
}

// sluiceTokens has every client identify itself by a token, and returns the
// configuration that accepts them.
func (s *session) sluiceTokens(t *target) (auth string, err error) {
	const secret = "a secret for loads on this machine only"
	var lines strings.Builder
	for n := range max(s.clients, s.more) {
		lines.WriteString(token(secret, n))
		lines.WriteByte('\n')
	}
	t.tokenFile = filepath.Join(s.dir, "tokens")
	t.token = func(n int) string { return token(secret, n) }
	t.header = []string{"Authorization: Bearer {token}"}
	return fmt.Sprintf("auth: {jwt: {secret: %q}}", secret), os.WriteFile(t.tokenFile, []byte(lines.String()), 0o600)
}

// token is client n's JWT, good for longer than any benchmark.
func token(secret string, n int) string {
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		enc.EncodeToString(fmt.Appendf(nil, `{"sub":%q,"exp":4102444800}`, userOf(n)))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + enc.EncodeToString(mac.Sum(nil))
}
