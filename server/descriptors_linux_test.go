package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/server/limit"
	"sluice/server/listen"
)

// limitedProcess runs this test again in a new process that may have so many descriptors.
// In that process it serves a gateway and an admin address until its input ends, and
// returns nil: the test is over there. In this one it returns the process.
type limitedProcess struct {
	public, admin string
	logs          func() string // what it has logged, once it has ended
}

const limitedEnv = "SLUICE_TEST_DESCRIPTORS"

func runLimited(t *testing.T, soft uint64, door func(listen.Descriptors) listen.ConnLimiter) *limitedProcess {
	t.Helper()
	if os.Getenv(limitedEnv) != "" {
		serveLimited(t, soft, door)
		return nil
	}
	child := exec.Command(os.Args[0], append(oneRun(t.Name()), "-test.v")...)
	child.Env = append(os.Environ(), limitedEnv+"=1")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	var rest string
	end := func() string {
		if in != nil {
			in.Close()
			in = nil
			text, _ := io.ReadAll(lines)
			rest = string(text)
			if err := child.Wait(); err != nil {
				t.Errorf("the process with few descriptors: %v\n%s", err, rest)
			}
		}
		return rest
	}
	t.Cleanup(func() { end() })
	p := &limitedProcess{logs: end}
	for p.admin == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the process with few descriptors ended: %v", err)
		}
		fmt.Sscanf(line, "serving %s %s", &p.public, &p.admin)
	}
	return p
}

func serveLimited(t *testing.T, soft uint64, door func(listen.Descriptors) listen.ConnLimiter) {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: soft - 10, Max: soft}); err != nil {
		t.Fatal(err)
	}
	d := listen.ProcessDescriptors()
	if d.Limit != int(soft) {
		t.Errorf("the limit is %d; want the hard one, %d", d.Limit, soft)
	}
	f := newFixture(t, nil)
	f.warm()
	f.headerTimeout = 2 * time.Second // a silent client is gone soon
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	public := door(d)
	public.Metrics, public.Held, public.Logger = f.cfg.Metrics, f.Held, f.cfg.Logger
	f.serve(public.Limit(l))
	admin, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, ended := listen.NewHTTP(f.Admin(), f.cfg.Logger), make(chan struct{})
	go func() {
		defer close(ended)
		h.Serve(listen.ConnLimiter{Sockets: d.Admin, Metrics: f.cfg.Metrics, Logger: f.cfg.Logger}.Limit(admin))
	}()
	fmt.Println("serving", f.addr, admin.Addr())
	io.Copy(io.Discard, os.Stdin)
	h.Close()
	<-ended
	fmt.Println(f.logs)
	fmt.Println("turned away:", f.metricOf("sluice_sockets_turned_away_total", limit.Descriptors))
}

// followAll opens streams, and returns how many there are and all connections.
func followAll(t *testing.T, address string, n int) (streams int, conns []net.Conn) {
	t.Helper()
	for range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conns = append(conns, conn)
		io.WriteString(conn, "GET /events?user=alice HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	for _, conn := range conns {
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		status := make([]byte, 15)
		if _, err := io.ReadFull(conn, status); err == nil && string(status) == "HTTP/1.1 200 OK" {
			streams++
		}
	}
	return streams, conns
}

// alive asks the admin address.
func (p *limitedProcess) alive() bool {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Get("http://" + p.admin + "/livez")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// Connections take no more descriptors than fit: what is beyond is closed at once, the
// admin address answers, and there is room again when some have gone.
func TestConnectionsKeepWithinTheDescriptors(t *testing.T) {
	p := runLimited(t, 160, func(d listen.Descriptors) listen.ConnLimiter { return listen.ConnLimiter{Descriptors: d.Public()} })
	if p == nil {
		return
	}
	fit := listen.ShareDescriptors(160).Public()
	streams, conns := followAll(t, p.public, 300)
	if streams < fit/2 || streams > fit {
		t.Errorf("%d streams; %d fit", streams, fit)
	}
	if !p.alive() {
		t.Error("the admin address doesn't answer")
	}
	for _, c := range conns {
		c.Close()
	}
	eventually(t, "there is room again", func() bool { n, _ := followAll(t, p.public, 1); return n == 1 })
	logs := p.logs()
	if strings.Contains(logs, "too many open files") || strings.Contains(logs, "turned away: 0\n") {
		t.Errorf("logged %s", logs)
	}
}

// The admin address takes no more than its own share, which the public one doesn't need.
func TestAdminConnectionsAreBounded(t *testing.T) {
	p := runLimited(t, 160, func(d listen.Descriptors) listen.ConnLimiter { return listen.ConnLimiter{Descriptors: d.Public()} })
	if p == nil {
		return
	}
	var conns []net.Conn
	for range 200 { // they say nothing
		conn, err := net.Dial("tcp", p.admin)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	if streams, _ := followAll(t, p.public, 20); streams != 20 {
		t.Errorf("%d of 20 streams while the admin address is flooded", streams)
	}
	for _, c := range conns {
		c.Close()
	}
	eventually(t, "the admin address answers again", p.alive)
	if logs := p.logs(); strings.Contains(logs, "too many open files") {
		t.Errorf("logged %s", logs)
	}
}

// Where the system has no descriptor left all the same, accepting pauses, says so once,
// and recovers.
func TestAcceptingRecoversFromTheSystemsLimit(t *testing.T) {
	p := runLimited(t, 64, func(listen.Descriptors) listen.ConnLimiter { return listen.ConnLimiter{} }) // nothing is kept back
	if p == nil {
		return
	}
	var conns []net.Conn
	for range 150 {
		conn, err := net.Dial("tcp", p.public)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	// Those that fit have been accepted once the first of them is answered, or closed for
	// its silence.
	io.WriteString(conns[0], "GET /.well-known/sluice HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	io.Copy(io.Discard, conns[0])
	for _, c := range conns {
		c.Close()
	}
	eventually(t, "a stream opens again", func() bool { n, _ := followAll(t, p.public, 1); return n == 1 })
	if n := strings.Count(p.logs(), "no descriptor is left to accept a connection"); n != 1 {
		t.Errorf("said %d times: %s", n, p.logs())
	}
}
