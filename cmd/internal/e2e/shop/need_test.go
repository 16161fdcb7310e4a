package shop

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// need skips the test where something that it stands on is missing, unless nothing may be
// missing.
func need(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("no shop with -short")
	}
	for command, debianPackage := range map[string]string{"node": "nodejs", "npm": "npm", "nginx": "nginx-light", "chromium": "chromium"} {
		if _, err := exec.LookPath(command); err == nil {
			continue
		}
		if os.Getenv("SLUICE_TEST_ALL") == "1" {
			t.Fatalf("needs %s (Debian: %s)", command, debianPackage)
		}
		t.Skipf("needs %s (Debian: %s)", command, debianPackage)
	}
}

// patience is what anything may take on a busy machine: only a failure takes so long.
const patience = 2 * time.Minute

// await looks again and again until there is nothing left to wait for, because nothing
// tells when other processes have come so far. look returns what is still missing.
func await(t *testing.T, look func() (missing string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		missing := look()
		if missing == "" {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", missing)
		}
	}
}
