package config

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"sluice/server/portal"
	"sluice/stream/cursor"
)

func (l *loader) checkGuard() {
	l.checkIDs()
	l.checkLimits()
	l.checkProxies()
	c := l.config
	if t := c.ControlTopic; t != "" && !topicName.MatchString(t) {
		l.fault("control_topic", fmt.Sprintf("%q can't be a topic: Kafka's names have letters, digits, dots, dashes and underscores", t))
	}
	if c.ControlTopic == "" && len(c.Auth.APIKeys) > 0 {
		l.warn("control_topic", "is missing: a revocation reaches the gateway that was asked only, and is forgotten when that restarts")
	}
	l.checkPortal()
	l.checkAdmin()
}

// checkPortal keeps keys from forging and from being shown as events.
func (l *loader) checkPortal() {
	if !l.has("portal") {
		return
	}
	c := l.config
	p, key := c.Portal, "portal.topic"
	switch t := p.Topic; {
	case l.broken[key]:
	case t == "":
		l.fault(key, "is missing: write the compacted topic in which keys are kept, such as portal: {topic: sluice-keys}")
	case !topicName.MatchString(t):
		l.fault(key, fmt.Sprintf("%q can't be a topic: Kafka's names have letters, digits, dots, dashes and underscores", t))
	case t == c.ControlTopic:
		l.fault(key, "is control_topic too: give keys a topic of their own")
	case slices.ContainsFunc(c.Streams, func(s Stream) bool { return s.Topic == t || slices.Contains(s.Topics.Names, t) }):
		l.fault(key, t+" is a stream's topic too: its records would be shown to users, and a producer could make keys")
	}
	if p.Role == "" {
		l.fault("portal.role", "is empty: write the role that developers have")
	}
	if c.Auth.None {
		l.fault("portal", "needs a login: with auth: none anybody would make keys as anybody")
	}
	l.atLeast("portal.max_keys", p.MaxKeys, 1)
	for key, d := range map[string]time.Duration{"portal.key_age": p.KeyAge, "portal.max_key_age": p.MaxKeyAge, "portal.max_overlap": p.MaxOverlap} {
		l.positive(key, d)
	}
	if p.MaxKeyAge > portal.MaxAge {
		l.fault("portal.max_key_age", fmt.Sprintf("%v is too long: write at most 366d", p.MaxKeyAge))
	}
	if p.KeyAge > p.MaxKeyAge {
		l.fault("portal.key_age", "is longer than portal.max_key_age")
	}
}

// checkAdmin keeps the admin address from the public: profiles and metrics tell what no
// user may know.
func (l *loader) checkAdmin() {
	const key = "admin_auth.token"
	c := l.config
	token := c.AdminAuth.Token
	if n := len(token.Reveal()); token.IsSet() && n < 16 {
		l.fault(key, fmt.Sprintf("has %d characters, at least 16 are needed: make one with openssl rand -hex 16", n))
	}
	if c.AdminAuth.APIKeys && len(c.Auth.APIKeys) == 0 && !l.broken["auth.api_keys_file"] {
		l.fault("admin_auth.api_keys", "has no keys to take: write auth.api_keys_file too")
	}
	open := !token.IsSet() && !c.AdminAuth.APIKeys && !l.broken[key+"_file"]
	if open && !l.broken["admin"] && !loopback(c.Admin) {
		l.fault("admin", c.Admin+" is open to other machines, and metrics and profiles stand there: write admin_auth: {token_file: …} too, or listen on 127.0.0.1")
	}
}

func (l *loader) checkIDs() {
	const key = "ids_keys_file"
	c := l.config
	switch {
	case l.broken["ids"] || l.broken[key]:
	case c.idsText != IDsSealed && c.idsKeysFile != "":
		l.fault(key, "does nothing with plain ids: write ids: sealed too, or remove it")
	case c.idsText != IDsSealed:
		c.IDs = cursor.Plain
	case c.idsKeysFile == "":
		l.fault(key, "is missing: ids: sealed needs it. Make it with: echo \"k1:$(openssl rand -base64 32)\" > ids.keys")
	default:
		sealer, err := readSealKeys(c.idsKeysFile)
		if err != nil {
			l.fault(key, err.Error())
			return
		}
		c.IDs = sealer
	}
}

var sealKeyName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// readSealKeys reads lines of name:key, the key in base64. Its errors name lines, never
// what stands in them.
func readSealKeys(name string) (*cursor.Sealer, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, unreadable(err)
	}
	var keys []cursor.Key
	seen := map[string]bool{}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		keyName, encoded, ok := strings.Cut(line, ":")
		secret, err := base64.StdEncoding.DecodeString(encoded)
		switch {
		case !ok || !sealKeyName.MatchString(keyName):
			return nil, fmt.Errorf("%s:%d: is no name:key, with a name of letters, digits, dots, dashes and underscores", name, n)
		case err != nil:
			return nil, fmt.Errorf("%s:%d: the key of %s is not base64: make one with openssl rand -base64 32", name, n, keyName)
		case seen[keyName]:
			return nil, fmt.Errorf("%s:%d: there are two keys %s", name, n, keyName)
		}
		seen[keyName] = true
		keys = append(keys, cursor.Key{Name: keyName, Secret: secret})
	}
	sealer, err := cursor.NewSealer(keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return sealer, nil
}

func (l *loader) checkLimits() {
	limits := &l.config.Limits
	if l.config.Auth.None { // users are made up: one who tries out, or loads it, may be alice a thousand times
		for key, limit := range map[string]*int{
			"limits.per_user": &limits.PerUser, "limits.connects_per_second": &limits.ConnectsPerSecond,
		} {
			if _, given := l.given[key]; !given {
				*limit = 0
			}
		}
		if _, given := l.given["limits.per_user_catchups"]; !given {
			limits.PerUserCatchups = Rate{}
		}
	}
	l.atLeast("limits.connections", limits.Connections, 0)
	l.atLeast("limits.per_user", limits.PerUser, 0)
	l.atLeast("limits.per_ip", limits.PerIP, 0)
	l.atLeast("limits.connects_per_second", limits.ConnectsPerSecond, 0)
	const least, most = (cursor.MaxID/1024 + 1) << 10, 1 << 20 // an id alone may have MaxID bytes
	if n := limits.HeaderBytes; !l.broken["limits.header_bytes"] && (n < least || n > most) {
		l.fault("limits.header_bytes", fmt.Sprintf("%v is out of bounds: write from %v to %v", n, Size(least), Size(most)))
	}
}

func (l *loader) checkProxies() {
	const key = "trusted_proxies"
	c := l.config
	for _, text := range c.trustedProxyTexts {
		if text == "unix" {
			c.TrustedUnix = true
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if address, bare := netip.ParseAddr(text); bare == nil && address.Zone() == "" {
			prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		switch {
		case err != nil:
			l.fault(key, fmt.Sprintf("%q is no network: write 10.0.0.0/8, fd00::/8, one address, or unix", text))
		case prefix.Addr().Is4In6():
			l.fault(key, fmt.Sprintf("%q is IPv4 in IPv6's clothes: write the IPv4 network itself", text))
		case prefix.Bits() == 0:
			l.fault(key, text+" would let anyone claim any address: name your proxies")
		default:
			c.TrustedProxies = append(c.TrustedProxies, prefix.Masked())
		}
	}
	if c.ProxyProtocol && len(c.trustedProxyTexts) == 0 {
		l.fault("proxy_protocol", "is taken from trusted_proxies only: name them")
	}
}
