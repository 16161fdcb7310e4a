//go:build linux

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestTheCommandLine(t *testing.T) {
	for _, tt := range []struct {
		line           string
		status         int
		stdout, stderr string
	}{
		{"", statusUsage, "", "sluice-bench MODE"},
		{"-h", statusFine, "fanout", ""},
		{"hold -h", statusFine, "-settle", ""},
		{"hodl", statusUsage, "", `no mode "hodl"`},
		{"hold x", statusUsage, "", `"x" is one word too many`},
		{"hold --clients 0", statusUsage, "", "--clients 0: from 1 to"},
		{"hold --clients 150000 --more 0", statusUsage, "", "use --procs"},
		{"fanout --proto h2c", statusUsage, "", "--proto h2c is for hold"},
		{"fanout --peer nix", statusUsage, "", "--peer nix: no such peer; there are sluice,"},
		{"fanout --kafka 10.0.0.1:9092", statusUsage, "", "this machine only"},
		{"fanout --url http://example.org/events --pid 1", statusUsage, "", `address "example.org:80"`},
		{"fanout --url http://10.1.2.3:80/events --pid 1", statusUsage, "", "this machine only"},
		{"fanout --url http://127.0.0.1:8080/events", statusUsage, "", "--pid or --server-cmd"},
		{"fanout --pid 5", statusUsage, "", "need --url"},
		{"ingest --server none --peer nethttp --events 0", statusUsage, "", "--events 0: from 1"},
		{"hold --sluice /nowhere/sluice", statusUsage, "", "--sluice: "},
		{"hold --sluice /bin/true", statusUsage, "", "/bin/true isn't a sluice that runs here"},
		{"storm --server nethttp --peer none", statusUsage, "", "--peer none: no such peer"},
	} {
		var stdout, stderr bytes.Buffer
		status := run(context.Background(), strings.Fields(tt.line), nil, &stdout, &stderr)
		if status != tt.status || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
			t.Errorf("sluice-bench %s: status %d\n--- stdout\n%s--- stderr\n%s", tt.line, status, stdout.String(), stderr.String())
		}
	}
}
