//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"sluice/cmd/sluice-bench/internal/peers"
	"sluice/cmd/sluice-bench/internal/report"
)

// gateway is the gateway's program as it is found where none is named: it is built from
// this source. That takes seconds, so it is built once for all tests.
var gateway = sync.OnceValues(func() (string, error) {
	return peers.FindSluice(context.Background(), "", gatewayDir)
})

// measure runs a mode, small, and returns its report. A test that measures memory is not
// parallel: processes of one program share pages.
func measure(t *testing.T, line string) *report.Report {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := append(strings.Fields(line), "--json", "--runs", "1", "--settle", "30ms", "--timeout", "20s")
	if !slices.Contains(args, "none") {
		program, err := gateway()
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "--sluice", program)
	}
	if status := run(t.Context(), args, nil, &stdout, &stderr); status != statusFine {
		t.Fatalf("sluice-bench %s: status %d\n%s", line, status, stderr.String())
	}
	var r report.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("sluice-bench %s: %v\n%s", line, err, stdout.String())
	}
	return &r
}

// value is what a report says of a server.
func value(t *testing.T, r *report.Report, server, metric string) float64 {
	t.Helper()
	res := r.Find(server, metric)
	if res == nil {
		t.Fatalf("%s: nothing about %s, %s", r.Command, server, metric)
	}
	return res.Median
}

func TestFanoutMeasuresPeersBesideTheFloor(t *testing.T) {
	r := measure(t, "fanout --server none --peer nethttp,r3labs,tmaxmax --clients 30 --procs 2 --events 5 --saturated 20")
	carryIDs := map[string]float64{"r3labs": 1, "tmaxmax": 1, "floor": 1}
	for _, server := range []string{"nethttp", "r3labs", "tmaxmax", "floor"} {
		if v := value(t, r, server, "CPU per delivery, one event at a time"); v <= 0 {
			t.Errorf("%s: %v µs a delivery", server, v)
		}
		if v := value(t, r, server, "deliveries per CPU-second, saturated"); v <= 0 {
			t.Errorf("%s: %v deliveries a CPU-second", server, v)
		}
		if all, withID := value(t, r, server, "events read, saturated"), value(t, r, server, "events read that carry an id, saturated"); all != 600 || withID != carryIDs[server]*all {
			t.Errorf("%s: %v events, %v with an id", server, all, withID)
		}
	}
	if r.Find("nethttp", "CPU per delivery, one event at a time").Baseline != "floor" {
		t.Error("nethttp isn't compared with the floor")
	}
}

// The gateway is a process like any other, built from this source if none is next to the
// program.
func TestTheGatewayIsBuiltAndMeasured(t *testing.T) {
	r := measure(t, "hold --clients 20 --more 40")
	sockets := measure(t, "hold --clients 20 --more 40 --heartbeat 1s --proto ws")
	if v := value(t, sockets, "sluice", "process memory per connection at 40"); v <= 0 {
		t.Errorf("%v bytes a WebSocket", v)
	}
	if v := value(t, r, "sluice", "process memory per connection at 40"); v <= 0 {
		t.Errorf("%v bytes a connection", v)
	}
	if len(r.Notes) == 0 || !strings.HasPrefix(r.Notes[0], "The gateway was sluice ") {
		t.Errorf("it isn't said which gateway was measured: %q", r.Notes)
	}
}

func TestUnicastReadsKafkaAndPublications(t *testing.T) {
	r := measure(t, "unicast --server none --peer nethttp --clients 20 --events 60 --partitions 3")
	for _, server := range []string{"nethttp", "floor-kafka"} {
		if v := value(t, r, server, "CPU per event, reading included"); v <= 0 {
			t.Errorf("%s: %v µs an event", server, v)
		}
		if v := value(t, r, server, "events read"); v != 60 {
			t.Errorf("%s: %v events", server, v)
		}
	}
}

func TestLatencyStandsBesideABareConsumer(t *testing.T) {
	r := measure(t, "latency --server none --peer floor-kafka --clients 10 --events 50 --partitions 2")
	for _, server := range []string{"floor-kafka", "bare consumer of floor-kafka"} {
		if v := value(t, r, server, "latency, p99"); v <= 0 {
			t.Errorf("%s: p99 %v ms", server, v)
		}
	}
}

func TestAStalledClientIsSeenBesideTheOthers(t *testing.T) {
	if _, err := exec.LookPath("ss"); err != nil {
		if os.Getenv("SLUICE_TEST_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	r := measure(t, "latency --server none --peer tmaxmax --clients 5 --events 20 --rate 1000 --size 20000 --stall 1")
	if held := value(t, r, "tmaxmax", "kernel memory held for one stalled client"); held < 20_000 {
		t.Errorf("%v bytes are held for a client that has read none of a megabyte", held)
	}
	if r.Find("tmaxmax"+", 1 stalled", "latency, p99, by that with all reading") == nil || r.Find("tmaxmax"+", all read again", "latency, p99, by that with all reading") == nil {
		t.Error("nothing is compared")
	}
	for _, name := range []string{"all read", "all read again", "1 stalled"} {
		if v := value(t, r, "tmaxmax"+", "+name, "latency, p99"); v <= 0 {
			t.Errorf("%s: p99 %v", name, v)
		}
	}
}

func TestIngestEndsWhenAllHasBeenRead(t *testing.T) {
	r := measure(t, "ingest --server none --events 500 --users 50 --partitions 4")
	if v := value(t, r, "floor-kafka", "records per CPU-second"); v <= 0 {
		t.Errorf("%v records a CPU-second", v)
	}
}

// A gateway that shapes its records is compared with one that doesn't, in the same run.
func TestIngestComparesShapesWithThePlainGateway(t *testing.T) {
	t.Parallel()
	r := measure(t, "ingest --peer sluice-transform --peer sluice-filter --peer sluice-drop --events 500 --users 50 --partitions 2")
	for _, name := range []string{"sluice-transform", "sluice-filter", "sluice-drop"} {
		res := r.Find(name, "records per CPU-second")
		if res == nil || res.Baseline != "sluice" || res.Ratio <= 0 {
			t.Errorf("%s: %+v", name, res)
		}
	}
	if res := r.Find("sluice", "records per CPU-second"); res == nil || res.Baseline != "floor-kafka" {
		t.Errorf("sluice: %+v", res)
	}
}

func TestHoldMeasuresMemoryAndSlope(t *testing.T) {
	for _, proto := range []string{"http", "https", "h2c"} {
		r := measure(t, "hold --server none --peer nethttp,nethttp-beats --clients 40 --more 80 --streams 10 --proto "+proto)
		for _, server := range []string{"nethttp", "nethttp-beats"} {
			if v := value(t, r, server, "process memory per connection at 80"); v < 1000 {
				t.Errorf("%s, %s: %v bytes a connection: a goroutine's stack alone is more", server, proto, v)
			}
			value(t, r, server, "process memory per connection, slope 40 to 80")
		}
	}
}

func TestAStormCountsWhatIsLostAndTwice(t *testing.T) {
	t.Parallel()
	const clients, missed = 25, 3
	r := measure(t, "storm --server none --peer tmaxmax,r3labs --clients 25 --missed 3 --window 10")
	for _, tt := range []struct {
		server      string
		lost, twice float64
	}{
		{"tmaxmax", 0, 0},
		{"r3labs", 0, clients}, // it sends the event that the client names once more
	} {
		served, lost, twice := value(t, r, tt.server, "clients served in full"), value(t, r, tt.server, "events lost"), value(t, r, tt.server, "events twice")
		if served != clients || lost != tt.lost || twice != tt.twice {
			t.Errorf("%s: served %v, lost %v, twice %v; want %d, %v, %v", tt.server, served, lost, twice, clients, tt.lost, tt.twice)
		}
	}
	// A server that keeps nothing loses everything.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{
		"storm", "--clients", "25", "--runs", "1", "--timeout", "1s", "--json",
		"--url", "http://" + addr + "/events?user={user}", "--publish", "http://" + addr + "/publish?user={user}",
		"--server-cmd", self + " nethttp --listen " + addr,
	}, nil, &stdout, &stderr)
	if status != statusFine {
		t.Fatalf("status %d\n%s", status, stderr.String())
	}
	r = &report.Report{}
	if err := json.Unmarshal(stdout.Bytes(), r); err != nil {
		t.Fatal(err)
	}
	if lost := value(t, r, "server", "events lost"); lost != clients*missed {
		t.Errorf("lost %v, want %d", lost, clients*missed)
	}
}

func TestNchanIsOneEntryMore(t *testing.T) {
	for _, file := range []string{"/usr/sbin/nginx", "/usr/lib/nginx/modules/ngx_nchan_module.so"} {
		if _, err := os.Stat(file); err != nil {
			if os.Getenv("SLUICE_TEST_ALL") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	r := measure(t, "storm --server none --peer nchan --clients 10")
	if lost := value(t, r, "nchan", "events lost"); lost != 0 {
		t.Errorf("lost %v", lost)
	}
}
