// Package certificates reads a certificate and its key from files, and again when they
// change.
package certificates

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Files are a certificate and its key in two files, read again when either has
// changed: those who renew certificates write files, and a restart would end every
// stream.
type Files struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex // guards the rest; held while the files are looked at, which is once a second at most
	current *tls.Certificate
	seen    [2]fileState // of the files, when they were last read
	looked  time.Time
}

// lookEvery is how often a handshake looks at the files.
const lookEvery = time.Second

// fileState tells a file from its successor: a rename over it, or a write into it.
type fileState struct {
	modified time.Time
	size     int64
	inode    os.FileInfo // compared by os.SameFile
}

// Load reads both files.
func Load(certFile, keyFile string, log *slog.Logger) (*Files, error) {
	c := &Files{certFile: certFile, keyFile: keyFile, log: log}
	seen, err := c.look()
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", certFile, keyFile, err)
	}
	c.current, c.seen, c.looked = &pair, seen, time.Now()
	return c, nil
}

// Get is a tls.Config's GetCertificate. While the files don't go together (one has been
// written, the other not yet) it stays with what it has, and says so once for each state
// of them.
func (c *Files) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		c.renew()
	}
	return c.current, nil
}

// renew reads the files if they have changed. The lock is held.
func (c *Files) renew() {
	seen, err := c.look()
	if err == nil && same(seen, c.seen) {
		return
	}
	var pair tls.Certificate
	if err == nil {
		c.seen = seen
		pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile)
	}
	if err != nil {
		c.log.Error("the new certificate can't be used; the previous one stays in use", "error", err)
		return
	}
	c.current = &pair
	c.log.Info("a new certificate is in use", "not_after", pair.Leaf.NotAfter)
}

func (c *Files) look() (seen [2]fileState, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return seen, err
		}
		seen[i] = fileState{info.ModTime(), info.Size(), info}
	}
	return seen, nil
}

func same(a, b [2]fileState) bool {
	for i := range a {
		if !a[i].modified.Equal(b[i].modified) || a[i].size != b[i].size || !os.SameFile(a[i].inode, b[i].inode) {
			return false
		}
	}
	return true
}
