package setup

import (
	"os"
	"strings"
	"testing"

	"sluice/cmd/internal/config"
)

// initialize runs the command in an empty directory, with answers a line each.
func initialize(t *testing.T, answers string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	var out, errs strings.Builder
	status = Run(args, strings.NewReader(answers), &out, &errs)
	return status, out.String(), errs.String()
}

func TestWhatItWritesCanBeServed(t *testing.T) {
	for _, tt := range []struct {
		name, answers string
		args          []string
		wantTopic     string
		wantAuth      func(config.Auth) bool
		next          string
	}{
		{"yes", "", []string{"--yes"}, "orders", func(a config.Auth) bool { return len(a.JWT) == 1 && len(a.JWT[0].From) == 2 }, "sluice token --user alice"},
		{"no answers", "", nil, "orders", func(a config.Auth) bool { return len(a.JWT) == 1 }, "sluice serve"},
		{"jwt", "kafka:9092,kafka2:9092\norder-topic\njwt\n", nil, "order-topic", func(a config.Auth) bool { return len(a.JWT) == 1 }, "sluice token"},
		{"authjs", "\norder-topic\nauthjs\n", nil, "order-topic", func(a config.Auth) bool { return a.AuthJS != nil }, "AUTH_SECRET"},
		{"forward", "\n\nforward\nhttp://localhost:3000/who\n", nil, "orders", func(a config.Auth) bool { return a.Forward.URL == "http://localhost:3000/who" }, "http://localhost:3000/who"},
		{"none", "\n7.Orders_eu\nnone\n", nil, "7.Orders_eu", func(a config.Auth) bool { return a.None }, "?user=alice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, stdout, stderr := initialize(t, tt.answers, tt.args...)
			if status != 0 || !strings.Contains(stdout, tt.next) || (len(tt.args) > 0) != (stderr == "") {
				t.Fatalf("status %d, %q, %q", status, stdout, stderr)
			}
			c, findings := config.Load("sluice.yaml", nil)
			if faults := findings.Faults(); len(faults) > 0 {
				t.Fatal(faults)
			}
			if len(c.Streams) != 1 || c.Streams[0].Topic != tt.wantTopic || !tt.wantAuth(c.Auth) {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestAnAnswerThatIsNoGoodIsAskedForAgain(t *testing.T) {
	status, _, stderr := initialize(t, "localhost\nlocalhost:9092\na b\norder-topic\njwtt\nnone\n")
	for _, want := range []string{`"localhost" is no broker: write host:port`, `"a b" can't be a topic`, `"jwtt" is unknown: did you mean jwt?`} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q lacks %q", stderr, want)
		}
	}
	if status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestNobodyLeftToAsk(t *testing.T) {
	if status, _, stderr := initialize(t, "localhost"); status != 2 || !strings.Contains(stderr, "is no broker") {
		t.Errorf("status %d, %q", status, stderr)
	}
}

func TestNoFileIsReplaced(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("jwt.key", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	if status := Run([]string{"--yes"}, strings.NewReader(""), &out, &errs); status != 0 || strings.Contains(out.String(), "jwt.key.") {
		t.Fatalf("status %d, %q", status, out.String())
	}
	if status := Run([]string{"--yes"}, strings.NewReader(""), &out, &errs); status != 1 || !strings.Contains(errs.String(), "sluice.yaml is there already") {
		t.Errorf("status %d, %q", status, errs.String())
	}
	if key, _ := os.ReadFile("jwt.key"); string(key) != "mine" {
		t.Errorf("the key is %q", key)
	}
}

func TestTheKeyIsItsOwners(t *testing.T) {
	if status, _, stderr := initialize(t, "", "--yes"); status != 0 {
		t.Fatal(stderr)
	}
	info, err := os.Stat("jwt.key")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
}

func TestStreamNames(t *testing.T) {
	for topic, want := range map[string]string{
		"order-topic": "orders", "orders": "orders", "Shop.Orders_v1": "shop-orders-v1", "9": "events", "...": "events",
		strings.Repeat("x", 100): strings.Repeat("x", 64),
	} {
		if got := streamName(topic); got != want {
			t.Errorf("%s: %s, want %s", topic, got, want)
		}
	}
}
