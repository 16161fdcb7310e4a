package server

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/server/listen"
)

// BenchmarkConnection measures what one more idle stream costs the process, next to a
// bare net/http handler that says hello and waits. It is PSS with garbage returned, from
// 500 streams to 2,000. Clients live in a separate process. One after the other in one
// process each finds room that the one before has left, so ask for one at a time:
//
//	go test ./server -run '^$' -bench 'Connection/h2c/bare' -benchtime 1x
func BenchmarkConnection(b *testing.B) {
	const few, many = 500, 2000
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "event: hello\ndata: {}\n\n")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for _, proto := range []string{"http", "https", "h2c", "h2", "ws", "wss", zippedHTTP} {
		for _, tt := range []struct {
			name       string
			goroutines bool
			handler    http.Handler
		}{{"held", false, nil}, {"goroutine", true, nil}, {"bare", false, bare}} {
			if tt.name == "held" && strings.HasPrefix(proto, "h2") || tt.name == "bare" && (strings.HasPrefix(proto, "ws") || proto == zippedHTTP) {
				continue
			}
			b.Run(proto+"/"+tt.name, func(b *testing.B) {
				for b.Loop() {
					h := tt.handler
					if h == nil {
						f := newFixture(b, func(c *Config) { compressing(c); c.Goroutines = tt.goroutines; c.Heartbeat = time.Hour })
						f.warm()
						h = f.Handler()
					}
					s := httptest.NewUnstartedServer(h)
					s.Config = listen.NewHTTP(h, newFixture(b, nil).cfg.Logger)
					s.EnableHTTP2 = proto == "h2"
					switch proto {
					case "https", "wss":
						s.Listener = listen.BelowTLS(s.Listener)
						s.StartTLS()
					case "h2":
						s.StartTLS()
					default:
						s.Start()
					}
					crowd := summon(b, proto, s.Listener.Addr().String())
					crowd.grow(few)
					before := pss(b)
					crowd.grow(many - few)
					b.ReportMetric(float64(pss(b)-before)/(many-few), "B/stream")
					crowd.leave()
					s.Close()
				}
			})
		}
	}
}

// zippedHTTP is plain HTTP, with streams that are sent compressed.
const zippedHTTP = "gzip"

// pss is the process's proportional set size, once garbage has gone back to the system.
func pss(b *testing.B) int {
	for range 3 { // stacks shrink by half a time
		debug.FreeOSMemory()
	}
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		b.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "\nPss:")
	kb, err := strconv.Atoi(strings.Fields(line)[0])
	if err != nil {
		b.Fatal(err)
	}
	return kb << 10
}

// crowd is a process of clients.
type crowd struct {
	b    *testing.B
	cmd  *exec.Cmd
	to   io.WriteCloser
	from *bufio.Scanner
}

const crowdEnv = "SLUICE_TEST_CROWD"

func summon(b *testing.B, proto, addr string) *crowd {
	c := &crowd{b: b, cmd: exec.Command(os.Args[0], oneRun("TestCrowd")...)}
	c.cmd.Env = append(os.Environ(), crowdEnv+"="+proto+" "+addr)
	c.cmd.Stderr = os.Stderr
	var err error
	if c.to, err = c.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	c.from = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return c
}

// grow opens n more streams and waits for their first bytes.
func (c *crowd) grow(n int) {
	fmt.Fprintln(c.to, n)
	if !c.from.Scan() || c.from.Text() != "open" {
		c.b.Fatalf("the clients said %q", c.from.Text())
	}
}

func (c *crowd) leave() {
	c.to.Close()
	c.cmd.Wait()
}

// TestCrowd is the clients' process; see summon.
func TestCrowd(t *testing.T) {
	proto, addr, ok := strings.Cut(os.Getenv(crowdEnv), " ")
	if !ok {
		t.Skip("is a benchmark's other half")
	}
	var streams []io.Closer // kept, so that they stay open
	var transport *http.Transport
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		n, err := strconv.Atoi(in.Text())
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			var body io.ReadCloser
			if !strings.HasPrefix(proto, "h2") {
				body = openRaw(t, proto, addr)
			} else {
				if len(streams)%100 == 0 {
					protocols := new(http.Protocols)
					protocols.SetUnencryptedHTTP2(proto == "h2c")
					protocols.SetHTTP2(proto == "h2")
					transport = &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
				}
				scheme := map[string]string{"h2c": "http", "h2": "https"}[proto]
				r, err := http.NewRequest(http.MethodGet, scheme+"://"+addr+"/events?user=u"+strconv.Itoa(len(streams)), nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := transport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				body = resp.Body
			}
			if _, err := body.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			streams = append(streams, body)
		}
		fmt.Println("open")
	}
	os.Exit(0) // without the test's own output
}

// openRaw opens a stream over HTTP/1.1, or a WebSocket.
func openRaw(t *testing.T, proto, addr string) io.ReadCloser {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if proto == "https" || proto == "wss" {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	path, header := "/events", ""
	if strings.HasPrefix(proto, "ws") {
		path, header = "/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	}
	if proto == zippedHTTP {
		header = "Accept-Encoding: gzip\r\n"
	}
	fmt.Fprintf(conn, "GET %s?user=%s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, conn.LocalAddr(), header)
	return conn
}
