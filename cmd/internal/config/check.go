package config

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sluice/server/deflate"
	"sluice/server/listen"
)

// check looks at what single keys can't show: what is missing, out of bounds, or against
// another key.
func (l *loader) check() {
	l.checkGateway()
	l.checkKafka()
	l.checkRegistry()
	l.checkStreams()
	l.checkDeliveries()
	l.checkAuth()
	l.checkCORS()
	l.checkGuard()
	l.checkPublish()
	l.checkTwins()
	l.checkFiles()
}

// minHeartbeat keeps a slip of the unit ("15ms") from becoming a flood.
const minHeartbeat = time.Second

// minConnectionAge keeps all clients from doing little but coming back.
const minConnectionAge = 10 * time.Second

// minCompress is about what the framing of a compressed event takes.
const minCompress = 100

// maxDecisions is some 500 MB.
const maxDecisions = 1_000_000

// minLag: within a second the gateway itself may be busy elsewhere, and that is no
// client's fault.
const minLag = time.Second

func (l *loader) checkGateway() {
	c := l.config
	mode, err := strconv.ParseUint(c.socketModeText, 8, 32)
	if c.SocketMode = fs.FileMode(mode); err != nil || mode > 0o777 {
		l.fault("socket_mode", fmt.Sprintf("%q is no mode: write three octal digits, such as 0660", c.socketModeText))
	}
	l.address("listen", c.Listen)
	l.address("admin", c.Admin)
	if c.Listen == c.Admin && !strings.HasSuffix(c.Listen, ":0") {
		key, other := "admin", "listen"
		if _, given := l.given[key]; !given {
			key, other = other, "admin where that is not written"
		}
		l.fault(key, "is the address of "+other+": give them different ports, since admin must never be public")
	}
	if c.Heartbeat < minHeartbeat && !l.broken["heartbeat"] {
		l.fault("heartbeat", fmt.Sprintf("%v is too short: write at least %v", c.Heartbeat, minHeartbeat))
	}
	if _, given := l.given["max_connection_age"]; given && c.MaxConnectionAge < minConnectionAge && !l.broken["max_connection_age"] {
		l.fault("max_connection_age", fmt.Sprintf("%v is too short: write at least %v", c.MaxConnectionAge, minConnectionAge))
	}
	l.certPair("tls_cert_file", "tls_key_file", c.TLS)

	if n := c.Compress; n != 0 && (n < minCompress || n > deflate.MaxFrame) && !l.broken["compress"] {
		l.fault("compress", fmt.Sprintf("%v is out of bounds: write from %v to %v, or off. What is smaller gains nothing, and what is larger is never compressed", n, Size(minCompress), Size(deflate.MaxFrame)))
	}
	l.atLeast("decisions", c.Decisions, 0)
	if c.Decisions > maxDecisions {
		l.fault("decisions", fmt.Sprintf("%d is too many: write %d at most", c.Decisions, maxDecisions))
	}
	l.atLeast("catchup.max_records", c.Catchup.MaxRecords, 1)
	l.atLeast("catchup.concurrency", c.Catchup.Concurrency, 1)
	l.positive("catchup.max_age", c.Catchup.MaxAge)
	if _, given := l.given["slow_client.max_lag"]; given && c.SlowClient.MaxLag < minLag && !l.broken["slow_client.max_lag"] {
		l.fault("slow_client.max_lag", fmt.Sprintf("%v is too short: write at least %v", c.SlowClient.MaxLag, minLag))
	}
}

// address checks an address to listen on.
func (l *loader) address(key, address string) {
	if l.broken[key] {
		return
	}
	if socket, kind := socketName(address); kind != "" {
		if kind == listen.UnixPrefix && !filepath.IsAbs(socket) || len(socket) > maxUnixPath || socket == "" {
			l.broken[key] = true
			l.fault(key, fmt.Sprintf("%q is no socket: write unix: and an absolute path of at most %d bytes, or systemd: and a name", address, maxUnixPath))
		}
		return
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		l.broken[key] = true
		l.fault(key, fmt.Sprintf("%q is no address: write host:port, or :port for every interface", address))
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		l.broken[key] = true
		l.fault(key, fmt.Sprintf("%q is no port: write a number from 0 (any free one) to 65535", port))
	} else if n == 0 && port != "0" {
		l.fault(key, "write the port 0 as 0")
	}
}

// maxUnixPath is what the kernels of Linux and others have room for.
const maxUnixPath = 103

// socketName returns what an address names that is no host:port, and its prefix; "" it is
// none.
func socketName(address string) (name, prefix string) {
	for _, prefix := range []string{listen.UnixPrefix, listen.SystemdPrefix} {
		if name, ok := strings.CutPrefix(address, prefix); ok {
			return name, prefix
		}
	}
	return "", ""
}

// loopback reports whether an address to listen on is reached from this machine only. Of
// a socket that systemd hands over nobody knows.
func loopback(address string) bool {
	if _, prefix := socketName(address); prefix == listen.UnixPrefix {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// certPair checks that a certificate and its key are there together, and belong together.
func (l *loader) certPair(certKey, keyKey string, p CertPair) {
	switch {
	case p == CertPair{}:
	case p.KeyFile == "":
		l.fault(certKey, "has no key: write "+keyKey+" too")
	case p.CertFile == "":
		l.fault(keyKey, "has no certificate: write "+certKey+" too")
	default:
		if _, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile); err != nil {
			l.fault(certKey, "does not load together with "+keyKey+": "+err.Error())
		}
	}
}

func (l *loader) atLeast(key string, n, least int) {
	if n < least && !l.broken[key] {
		l.fault(key, fmt.Sprintf("%d is too little: write at least %d", n, least))
	}
}

func (l *loader) positive(key string, d time.Duration) {
	if d <= 0 && !l.broken[key] {
		l.fault(key, fmt.Sprintf("%v is too short: write more than 0", d))
	}
}

// checkTwins refuses a secret that was given both in itself and by its file.
func (l *loader) checkTwins() {
	for _, k := range table {
		if strings.HasPrefix(k.Path, issuers+".") {
			continue // has more than two ways; see jwtKeys
		}
		twin := k.Path + "_file"
		_, direct := l.given[k.Path]
		if _, byFile := l.given[twin]; direct && byFile && byPath[twin] != nil {
			l.fault(twin, fmt.Sprintf("%s is given too (%s): write one of them", k.Path, l.given[k.Path].sourceLine))
		}
	}
}
