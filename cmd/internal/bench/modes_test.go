//go:build linux

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// measure runs a mode, small, and returns its report.
func measure(t *testing.T, line string) *report {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := append(strings.Fields(line), "--json", "--runs", "1", "--settle", "30ms", "--timeout", "20s")
	if status := Run(t.Context(), args, &stdout, &stderr); status != exitOK {
		t.Fatalf("bench %s: status %d\n%s", line, status, stderr.String())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("bench %s: %v\n%s", line, err, stdout.String())
	}
	return &r
}

// value is what a report says of a server.
func (r *report) value(t *testing.T, server, metric string) float64 {
	t.Helper()
	res := r.find(server, metric)
	if res == nil {
		t.Fatalf("%s: nothing about %s, %s", r.Command, server, metric)
	}
	return res.Median
}

func TestFanoutMeasuresPeersBesideTheFloor(t *testing.T) {
	r := measure(t, "fanout --server none --peer nethttp,r3labs,tmaxmax --clients 30 --procs 2 --events 5 --saturated 20")
	carryIDs := map[string]float64{r3labsName: 1, tmaxmaxName: 1, floorName: 1}
	for _, server := range []string{netHTTPName, r3labsName, tmaxmaxName, floorName} {
		if v := r.value(t, server, perDelivery); v <= 0 {
			t.Errorf("%s: %v µs a delivery", server, v)
		}
		if v := r.value(t, server, deliveriesPerCPU); v <= 0 {
			t.Errorf("%s: %v deliveries a CPU-second", server, v)
		}
		if all, withID := r.value(t, server, eventsRead+", saturated"), r.value(t, server, eventsWithID+", saturated"); all != 600 || withID != carryIDs[server]*all {
			t.Errorf("%s: %v events, %v with an id", server, all, withID)
		}
	}
	if r.find(netHTTPName, perDelivery).Baseline != floorName {
		t.Error("nethttp isn't compared with the floor")
	}
}

func TestUnicastReadsKafkaAndPublications(t *testing.T) {
	r := measure(t, "unicast --server none --peer nethttp --clients 20 --events 60 --partitions 3")
	for _, server := range []string{netHTTPName, kafkaFloor} {
		if v := r.value(t, server, cpuPerEvent); v <= 0 {
			t.Errorf("%s: %v µs an event", server, v)
		}
		if v := r.value(t, server, eventsRead); v != 60 {
			t.Errorf("%s: %v events", server, v)
		}
	}
}

func TestLatencyStandsBesideABareConsumer(t *testing.T) {
	r := measure(t, "latency --server none --peer floor-kafka --clients 10 --events 50 --partitions 2")
	for _, server := range []string{kafkaFloor, bareConsumer + " of " + kafkaFloor} {
		if v := r.value(t, server, "latency, p99"); v <= 0 {
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
	if held := r.value(t, tmaxmaxName, "kernel memory held for one stalled client"); held < 20_000 {
		t.Errorf("%v bytes are held for a client that has read none of a megabyte", held)
	}
	if r.find(tmaxmaxName+", 1 stalled", p99Change) == nil || r.find(tmaxmaxName+", all read again", p99Change) == nil {
		t.Error("nothing is compared")
	}
	for _, name := range []string{"all read", "all read again", "1 stalled"} {
		if v := r.value(t, tmaxmaxName+", "+name, "latency, p99"); v <= 0 {
			t.Errorf("%s: p99 %v", name, v)
		}
	}
}

func TestIngestEndsWhenAllHasBeenRead(t *testing.T) {
	r := measure(t, "ingest --server none --events 500 --users 50 --partitions 4")
	if v := r.value(t, kafkaFloor, recordsPerCPU); v <= 0 {
		t.Errorf("%v records a CPU-second", v)
	}
}

func TestHoldMeasuresMemoryAndSlope(t *testing.T) {
	for _, proto := range []string{protoPlain, protoTLS, protoH2C} {
		r := measure(t, "hold --server none --peer nethttp,nethttp-beats --clients 40 --more 80 --streams 10 --proto "+proto)
		for _, server := range []string{netHTTPName, netHTTPBeats} {
			if v := r.value(t, server, "process memory per connection at 80"); v < 1000 {
				t.Errorf("%s, %s: %v bytes a connection: a goroutine's stack alone is more", server, proto, v)
			}
			r.value(t, server, "process memory per connection, slope 40 to 80")
		}
	}
}

func TestAStormCountsWhatIsLostAndTwice(t *testing.T) {
	const clients, missed = 25, 3
	r := measure(t, "storm --server none --peer tmaxmax,r3labs --clients 25 --missed 3 --window 10")
	for _, tt := range []struct {
		server      string
		lost, twice float64
	}{
		{tmaxmaxName, 0, 0},
		{r3labsName, 0, clients}, // it sends the event that the client names once more
	} {
		served, lost, twice := r.value(t, tt.server, "clients served in full"), r.value(t, tt.server, "events lost"), r.value(t, tt.server, "events twice")
		if served != clients || lost != tt.lost || twice != tt.twice {
			t.Errorf("%s: served %v, lost %v, twice %v; want %d, %v, %v", tt.server, served, lost, twice, clients, tt.lost, tt.twice)
		}
	}
	// A server that keeps nothing loses everything.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	status := Run(t.Context(), []string{
		"storm", "--clients", "25", "--runs", "1", "--timeout", "1s", "--json",
		"--url", "http://" + addr + "/events?user={user}", "--publish", "http://" + addr + "/publish?user={user}",
		"--server-cmd", self + " bench nethttp --listen " + addr,
	}, &stdout, &stderr)
	if status != exitOK {
		t.Fatalf("status %d\n%s", status, stderr.String())
	}
	r = &report{}
	if err := json.Unmarshal(stdout.Bytes(), r); err != nil {
		t.Fatal(err)
	}
	if lost := r.value(t, "server", "events lost"); lost != clients*missed {
		t.Errorf("lost %v, want %d", lost, clients*missed)
	}
}

func TestNchanIsOneEntryMore(t *testing.T) {
	if lack := nchanPeer.missing(); lack != "" {
		if os.Getenv("SLUICE_TEST_ALL") == "1" {
			t.Fatal(lack)
		}
		t.Skip(lack)
	}
	r := measure(t, "storm --server none --peer nchan --clients 10")
	if lost := r.value(t, "nchan", "events lost"); lost != 0 {
		t.Errorf("lost %v", lost)
	}
}

func TestTheCommandLine(t *testing.T) {
	for _, tt := range []struct {
		line           string
		status         int
		stdout, stderr string
	}{
		{"", exitUsage, "", "sluice bench MODE"},
		{"-h", exitOK, "fanout", ""},
		{"hold -h", exitOK, "-settle", ""},
		{"hodl", exitUsage, "", `no mode "hodl"`},
		{"hold x", exitUsage, "", `"x" is one word too many`},
		{"hold --clients 0", exitUsage, "", "--clients 0: from 1 to"},
		{"hold --clients 150000 --more 0", exitUsage, "", "use --procs"},
		{"fanout --proto h2c", exitUsage, "", "--proto h2c is for hold"},
		{"fanout --peer nix", exitUsage, "", "--peer nix: no such peer; there are sluice,"},
		{"fanout --kafka 10.0.0.1:9092", exitUsage, "", "this machine only"},
		{"fanout --url http://example.org/events --pid 1", exitUsage, "", `address "example.org:80"`},
		{"fanout --url http://10.1.2.3:80/events --pid 1", exitUsage, "", "this machine only"},
		{"fanout --url http://127.0.0.1:8080/events", exitUsage, "", "--pid or --server-cmd"},
		{"fanout --pid 5", exitUsage, "", "need --url"},
		{"ingest --server none --peer nethttp --events 0", exitUsage, "", "--events 0: from 1"},
		{"storm --server nethttp --peer none", exitUsage, "", "--peer none: no such peer"},
	} {
		var stdout, stderr bytes.Buffer
		status := Run(context.Background(), strings.Fields(tt.line), &stdout, &stderr)
		if status != tt.status || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
			t.Errorf("bench %s: status %d\n--- stdout\n%s--- stderr\n%s", tt.line, status, stdout.String(), stderr.String())
		}
	}
}
