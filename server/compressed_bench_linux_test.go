package server

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/server/listen"
	"sluice/stream"
)

// BenchmarkCompressed measures what an event costs that is sent to many, plain and
// compressed, by its size: the process's CPU for each delivery, and the bytes. Both
// gateways are up at once and take turns. What it prints are medians of the rounds, and
// the ratio is that of the rounds' ratios. Clients live in a separate process and only
// read. -shared=1 of a name is for events that each go to one connection.
//
//	go test ./server -run '^$' -bench Compressed -benchtime 1x
func BenchmarkCompressed(b *testing.B) {
	for _, size := range []int{600, 1000, 2000, 8000, 32_000} {
		for _, shared := range []int{200, 1} {
			b.Run(fmt.Sprintf("bytes=%d/shared=%d", size, shared), func(b *testing.B) {
				for b.Loop() {
					compareCompressed(b, size, shared)
				}
			})
		}
	}
}

const (
	comparedClients = 200
	comparedRounds  = 9
)

// compared is one of the two gateways.
type compared struct {
	*fixture
	cpu, bytes []float64 // of each round, for a delivery
}

func compareCompressed(b *testing.B, size, shared int) {
	var both [2]*compared
	for i, coding := range []string{"identity", "gzip"} {
		f := newFixture(b, func(c *Config) { compressing(c); c.Heartbeat = time.Hour })
		f.warm()
		l, err := listen.Listen(b.Context(), "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		f.serve(l)
		to := readers(b, f.addr, coding)
		defer to.Close()
		eventually(b, "all are connected", func() bool { return f.hub.Subscribers() == comparedClients })
		both[i] = &compared{fixture: f}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for round := range comparedRounds + 1 {
		for i := range both {
			c := both[(i+round)%2]
			events := make([]stream.Event, 40)
			for i := range events {
				events[i].Data = order(r, size)
			}
			cpu, bytes := c.deliver(events, shared)
			if round > 0 { // by then caches and windows have found their size
				c.cpu, c.bytes = append(c.cpu, cpu), append(c.bytes, bytes)
			}
		}
	}
	plain, zipped := both[0], both[1]
	ratios := make([]float64, comparedRounds)
	for i := range ratios {
		ratios[i] = zipped.cpu[i] / plain.cpu[i]
	}
	b.ReportMetric(median(plain.cpu), "µs/plain")
	b.ReportMetric(median(zipped.cpu), "µs/zipped")
	b.ReportMetric(median(ratios), "zipped/plain")
	b.ReportMetric(slices.Min(ratios), "least")
	b.ReportMetric(slices.Max(ratios), "most")
	b.ReportMetric(median(plain.bytes), "B/plain")
	b.ReportMetric(median(zipped.bytes), "B/zipped")
	b.ReportMetric(0, "ns/op")
}

// deliver publishes events, one after another, each to so many clients: all, or one each.
// It returns the CPU in µs and the bytes of a delivery.
func (c *compared) deliver(events []stream.Event, shared int) (cpu, bytes float64) {
	to, deliveries := news, len(events)*comparedClients
	if shared == 1 {
		to, deliveries = orders, len(events)*comparedClients
		all := make([]stream.Event, 0, deliveries)
		for i := range deliveries {
			e := events[i%len(events)]
			e.Users = [][]byte{fmt.Appendf(nil, "u%d", i%comparedClients)}
			all = append(all, e)
		}
		events = all
	}
	before, wrote, used := c.hub.Stats(to).Deliveries, c.metric("sluice_written_bytes_total"), cpuTime(c.t)
	for i, e := range events {
		c.publish(to, e)
		if want := before + uint64((i+1)*shared); i%10 == 9 {
			eventually(c.t, "all have been sent it", func() bool { return c.hub.Stats(to).Deliveries >= want })
		}
	}
	want := before + uint64(deliveries)
	eventually(c.t, "all have been sent all", func() bool { return c.hub.Stats(to).Deliveries >= want })
	used = cpuTime(c.t) - used
	return float64(used.Microseconds()) / float64(deliveries), (c.metric("sluice_written_bytes_total") - wrote) / float64(deliveries)
}

// order is an order of about so many bytes.
func order(r *rand.Rand, size int) []byte {
	b := fmt.Appendf(nil, `{"orderId":"o-%d","type":"order.confirmed","customer":"alice%d","total":%d.%02d,"placedAt":"2026-11-%02dT%02d:%02d:00Z","lines":[`,
		r.IntN(1e6), r.IntN(1e5), r.IntN(1000), r.IntN(100), 1+r.IntN(28), r.IntN(24), r.IntN(60))
	for len(b) < size {
		b = fmt.Appendf(b, `{"sku":"SKU-%06d","name":"Darjeeling First Flush","qty":%d,"price":%d.%02d},`, r.IntN(1e6), 1+r.IntN(9), r.IntN(90), r.IntN(100))
	}
	return append(b, `{}]}`...)
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// cpuTime is what the process has used.
func cpuTime(t testing.TB) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

const readersEnv = "SLUICE_TEST_READERS"

// readers starts a process of clients that read and throw away, until it is closed.
func readers(b *testing.B, addr, coding string) io.Closer {
	cmd := exec.Command(os.Args[0], oneRun("TestReaders")...)
	cmd.Env = append(os.Environ(), readersEnv+"="+addr+" "+coding)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	return in
}

// TestReaders is the clients' process; see readers.
func TestReaders(t *testing.T) {
	addr, coding, ok := strings.Cut(os.Getenv(readersEnv), " ")
	if !ok {
		t.Skip("is a benchmark's other half")
	}
	for i := range comparedClients {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /events?user=u%d HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n", i, coding)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.Uncompressed || coding == "gzip" && resp.Header.Get("Content-Encoding") != coding {
			t.Fatalf("%+v, %v", resp, err)
		}
		go io.Copy(io.Discard, conn)
	}
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
