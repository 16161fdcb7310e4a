//go:build linux

package clients

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"sluice/cmd/sluice-bench/internal/load"
)

// Plan says what the clients of one process do. It travels to the process as JSON.
type Plan struct {
	Proto     string   // as in package load
	Addr      string   // 127.0.0.1:8080
	Path      string   // template of the request's path and query
	Header    []string // templates, "Name: value"
	TokenFile string   // a token a line, the first is client 0's; "" without

	First, Stride int  // client i of the process is client First+i*Stride of all
	Sources       int  // 127.0.0.x addresses to connect from
	Window        int  // connections opened at the same time
	Streams       int  // per connection, with H2C
	KeepID        bool // for reconnecting with Last-Event-ID
	Stamps        bool // read each event's stamp: its latency and its number
}

// request is the whole HTTP/1.1 request of client n.
func (p *Plan) request(n int, token, lastID string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n", load.Expand(p.Path, n, token), p.Addr)
	for _, h := range p.Header {
		b.WriteString(load.Expand(h, n, token))
		b.WriteString("\r\n")
	}
	if lastID != "" {
		fmt.Fprintf(&b, "Last-Event-ID: %s\r\n", lastID)
	}
	if p.Proto == load.WS {
		b.WriteString("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

// status is that of a good answer.
func (p *Plan) status() int {
	if p.Proto == load.WS {
		return 101
	}
	return 200
}

// tokens reads the token file; nil without one.
func (p *Plan) tokens() ([]string, error) {
	if p.TokenFile == "" {
		return nil, nil
	}
	f, err := os.Open(p.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	defer f.Close()
	var lines []string
	s := bufio.NewScanner(f)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines, s.Err()
}

// tokenOf is client n's line; "" beyond the file's end.
func tokenOf(tokens []string, n int) string {
	if n < len(tokens) {
		return tokens[n]
	}
	return ""
}
