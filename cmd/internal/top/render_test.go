package top

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const first = `{"time":"2026-01-02T03:04:05.000Z",
"gateway":{"version":"v1.2.3","started":"2026-01-02T01:04:05Z","uptime_seconds":7200,"ready":true,"cpu_seconds":10,"rss_bytes":41943040,"heap_bytes":9437184,"descriptors":5043,
"max_descriptors":100000,"cores":2,"connections":5000,"carriers":{"held":4990,"goroutine":10},"polls":3,"holder_wakes":100},
"kafka":{"answers":true},"written":{"events":1000,"bytes":100000},"opened":{"live":10},"closed":{"gone":3,"slow":0},"resets":{"lagged":2},
"streams":[{"name":"orders","topic":"order-topic","ready":true,"records":500,"events":490,"deliveries":900,"poison":{"no_user":10,"filtered":7,"no_change":3},"lag":8,"subscribers":4990,
"log":{"entries":900,"bytes":4096000,"newest":"2026-01-02T03:04:04.500Z"}},{"name":"news","topic":"news-topic","ready":false,"waiting":"the topic \u001b[2J is not there","lag":null,"log":{}}]}`

func decode(t *testing.T, text string) *snapshot {
	t.Helper()
	s := new(snapshot)
	if err := json.Unmarshal([]byte(text), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func later(t *testing.T) *snapshot {
	s := decode(t, first)
	s.Time = s.Time.Add(2 * time.Second)
	s.Gateway.CPU += 0.5
	s.Written.Events, s.Written.Bytes = 3000, 100000+2<<20
	s.Opened["live"], s.Closed["gone"] = 30, 3
	o := &s.Streams[0]
	o.Records, o.Events, o.Deliveries = 502, 491, 22900
	return s
}

func TestThePicture(t *testing.T) {
	a, b := decode(t, first), later(t)
	got := strings.Join(render(b, between(a, b), 160), "\n")
	want := `sluice v1.2.3  up 2h00m  ready  Kafka answers
cpu 0.25 of 2 cores  memory 40 MB (heap 9.0 MB)  descriptors 5043 of 100000
connections 5000 (goroutine 10, held 4990)  polls 3, +10 -0/s  written 1000 events/s, 1.0 MB/s
resets lagged 2

stream  records/s  events/s  sent/s  lag    newest      kafka  readers          log  poison
orders          1       0.5     11k    8  2.5s ago      fresh     4990  900, 3.9 MB      10
news            0         0       0    ?         -  not ready        0       0, 0 B       0
news waits: the topic ` + "\ufffd" + `[2J is not there`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNarrowTerminals: columns go, the stream and what matters most stay, and no line is
// too wide.
func TestNarrowTerminals(t *testing.T) {
	a, b := decode(t, first), later(t)
	for width := range 200 {
		lines := render(b, between(a, b), width)
		for _, line := range lines {
			if utf8.RuneCountInString(line) > max(width, 1) {
				t.Errorf("%d wide: %q", width, line)
			}
		}
		if width >= 24 && !strings.Contains(lines[5], "stream  events/s  lag") && width < 29 {
			t.Errorf("%d wide: %q", width, lines[5])
		}
	}
}

func TestThereAreNoRatesAcrossAStart(t *testing.T) {
	a, b := decode(t, first), later(t)
	if between(nil, b) != nil || between(b, b) != nil {
		t.Error("rates of one snapshot")
	}
	b.Gateway.Started = b.Gateway.Started.Add(time.Hour)
	if between(a, b) != nil {
		t.Error("rates of two gateways")
	}
	if text := strings.Join(render(b, nil, 160), "\n"); !strings.Contains(text, "orders          -") || !strings.Contains(text, "cpu -") {
		t.Errorf("without rates:\n%s", text)
	}
	s := decode(t, first)
	s.Gateway.Ready, s.Kafka.Answers = false, false
	since := s.Time.Add(-time.Minute)
	s.Kafka.StaleSince, s.Streams[0].StaleSince = &since, &since
	if text := strings.Join(render(s, nil, 160), "\n"); !strings.Contains(text, "NOT READY  KAFKA DOES NOT ANSWER for 1m00s") || !strings.Contains(text, "away 1m00s") {
		t.Errorf("Kafka away:\n%s", text)
	}
}

func TestFigures(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 0.25: "0.2", 9.96: "10", 1234: "1234", 12345: "12k", 1.5e6: "1.5M", 2e9: "2G"} {
		if got := number(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Second: "0.0s", 59 * time.Second: "59s", 61 * time.Second: "1m01s", 25 * time.Hour: "25h00m", 72 * time.Hour: "3d"} {
		if got := age(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
