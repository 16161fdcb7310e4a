package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kfake"
)

// sluice runs the program as typed, with no signal to come.
func sluice(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(args, strings.NewReader(""), &out, &errs, nil)
	return status, out.String(), errs.String()
}

func TestTheCommandLine(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		line           string
		status         int
		stdout, stderr string // a part of each; "" is nothing at all
	}{
		{"", 2, "", "sluice serve [-c sluice.yaml]"},
		{"help", 0, "sluice serve [-c sluice.yaml]", ""},
		{"--help", 0, "sluice tail URL", ""},
		{"help serve", 0, "Usage: sluice serve", ""},
		{"serve -h", 0, "-c file", ""},
		{"help demo", 0, "Usage: sluice demo", ""},
		{"help check", 0, "Usage: sluice check", ""},
		{"help cursor", 0, "Usage: sluice cursor", ""},
		{"help keys", 0, "Usage: sluice keys new", ""},
		{"help bench", 2, "", "go run ./cmd/sluice-bench -h\n"},
		{"bench hold --peer nchan", 2, "", "go run ./cmd/sluice-bench hold --peer nchan\n"},
		{"version", 0, "sluice ", ""},
		{"--version", 0, "sluice ", ""},
		{"-v", 0, "sluice ", ""},
		{"help init", 0, "Usage: sluice init", ""},
		{"help token", 0, "Usage: sluice token", ""},
		{"help produce", 0, "Usage: sluice produce", ""},
		{"help completion", 0, "Usage: sluice completion", ""},
		{"help version", 0, "Usage: sluice version", ""},
		{"completion", 2, "", "it needs a shell: bash, zsh, fish"},
		{"completion tcsh", 2, "", `there is no "tcsh": there are bash, zsh, fish`},
		{"completion fish", 0, "complete -c sluice -n '__fish_seen_subcommand_from tail' -l json -d", ""},
		{"serve --admn x", 2, "", "flag provided but not defined: -admn"},
		{"version x", 2, "", `"x" is one word too many`},
		{"sevre", 2, "", "there is no command \"sevre\"; did you mean serve?\nSee sluice help."},
		{"frobnicate", 2, "", "there is no command \"frobnicate\"\nSee sluice help."},
		{"serve -x", 2, "", "flag provided but not defined: -x\nSee sluice serve -h."},
		{"serve sluice.yaml", 2, "", `"sluice.yaml" is one word too many`},
		{"serve", 2, "", "sluice.yaml: there is no such file here"},
		{"check", 2, "", "sluice.yaml: there is no such file here"},
		{"tail", 2, "", "sluice tail"},
		{"help top", 0, "Usage: sluice top", ""},
		{"top --why x", 2, "", "--why: write it as topic/partition/offset"},
	} {
		status, stdout, stderr := sluice(t, strings.Fields(tt.line)...)
		if status != tt.status || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) ||
			tt.stdout == "" && stdout != "" || tt.stderr == "" && stderr != "" {
			t.Errorf("sluice %s: status %d\n--- stdout\n%s--- stderr\n%s", tt.line, status, stdout, stderr)
		}
	}
}

// A user who asks for help learns from an example.
func TestEveryHelpHasOneExample(t *testing.T) {
	for _, c := range commands {
		if status, stdout, _ := sluice(t, "help", c.name); status != 0 || strings.Count(stdout, "\nExample:\n  ") != 1 || !strings.HasPrefix(stdout, "Usage: sluice "+c.name) {
			t.Errorf("sluice help %s: status %d\n%s", c.name, status, stdout)
		}
	}
}

// Flags are written alike in all helps, as in all texts.
func TestEveryHelpWritesFlagsAlike(t *testing.T) {
	for _, c := range commands {
		_, help, _ := sluice(t, "help", c.name)
		_, list, _ := strings.Cut(help, "\nFlags:\n")
		if wrong := regexp.MustCompile(`(?m)^  (?:-\w\w|--\w\b(?:[^-]|$)).*$`).FindString(list); wrong != "" {
			t.Errorf("sluice help %s: %s", c.name, wrong)
		}
	}
}

// A help is read in a terminal, by somebody in a hurry.
func TestEveryHelpIsNarrowAndInShortSentences(t *testing.T) {
	const maxWidth, maxWords = 90, 30
	for _, c := range commands {
		_, help, _ := sluice(t, "help", c.name)
		text, _, _ := strings.Cut(help, "\nExample:\n")
		_, text, _ = strings.Cut(text, "\n\n") // after the usage
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(line) > maxWidth+1 {
				t.Errorf("sluice help %s: wider than %d: %s", c.name, maxWidth, line)
			}
		}
		for _, sentence := range regexp.MustCompile(`[.:]\s`).Split(text, -1) {
			if n := len(strings.Fields(sentence)); n > maxWords {
				t.Errorf("sluice help %s: %d words: %s", c.name, n, sentence)
			}
		}
	}
}

// watched is a stderr whose reader can wait for a line.
type watched struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
	more chan struct{} // one slot: something was written
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
	return w.text.Write(p)
}

// find waits until a match of the pattern has been written, or ended is closed, and
// returns its first group.
func (w *watched) find(t *testing.T, pattern string, ended <-chan int) string {
	t.Helper()
	exp := regexp.MustCompile(pattern)
	for {
		w.mu.Lock()
		text := w.text.String()
		w.mu.Unlock()
		if m := exp.FindStringSubmatch(text); m != nil {
			return m[1]
		}
		select {
		case <-w.more:
		case status := <-ended:
			t.Fatalf("ended with status %d before %s was said:\n%s", status, pattern, text)
		}
	}
}

func TestServeFromTheEnvironmentUntilASignal(t *testing.T) {
	served(t, syscall.SIGTERM)
}

// SIGHUP is not yet a reload. It must not kill: streams are drained, and the log says
// what it will be.
func TestSIGHUPDrainsAndEndsAsSIGTERMDoes(t *testing.T) {
	stderr := served(t, syscall.SIGHUP, syscall.SIGHUP)
	stderr.find(t, `"level":"warn".*"(SIGHUP ends sluice as SIGTERM does; a later version will read its configuration again instead)"`, nil)
	stderr.find(t, `"(shutting down: clients are told to come back, to another gateway)"`, nil)
}

// served runs a gateway until it is ready, sends it signals, and waits until it has ended
// well.
func served(t *testing.T, sent ...os.Signal) *watched {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "order-topic"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Chdir(t.TempDir())
	for name, value := range map[string]string{
		"LISTEN": "127.0.0.1:0", "ADMIN": "127.0.0.1:0", "KAFKA_BROKERS": c.ListenAddrs()[0], "AUTH": "none",
		"STREAMS_ORDERS_TOPIC": "order-topic", "STREAMS_ORDERS_USER": "value:user",
	} {
		t.Setenv("SLUICE_"+name, value)
	}
	stderr := &watched{more: make(chan struct{}, 1)}
	signals := make(chan os.Signal, 2)
	ended := make(chan int, 1)
	go func() { ended <- run([]string{"serve"}, strings.NewReader(""), io.Discard, stderr, signals) }()

	stderr.find(t, `SLUICE_STREAMS_ORDERS_USER: (streams.orders.user: warning: a tombstone)`, ended)
	admin := stderr.find(t, `"admin":"([^"]+)"`, ended)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ready := false; !ready; <-tick.C {
		resp, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		ready = resp.StatusCode == http.StatusOK
	}
	for _, s := range sent {
		signals <- s
	}
	if status := <-ended; status != statusFine {
		t.Errorf("status %d", status)
	}
	stderr.find(t, `"message":"(stopped)"`, nil)
	return stderr
}

func TestAFailureWhileServingIsStatus1(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	t.Chdir(t.TempDir())
	text := fmt.Sprintf("listen: %s\nadmin: 127.0.0.1:0\nkafka: {brokers: [\"127.0.0.1:1\"]}\nstreams: {orders: {topic: order-topic, user: key}}\nauth: none\n", taken.Addr())
	if err := os.WriteFile("other.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := sluice(t, "serve", "-c", "other.yaml")
	if status != statusFailed || !strings.Contains(stderr, "address already in use: end the process that has it, or write another address (SLUICE_LISTEN)") {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
}
