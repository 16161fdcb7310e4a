package ws

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// autobahn is the fuzzing client that is installed, and the Python it runs on.
const autobahn = "autobahntestsuite==25.10.1"

// install installs Autobahn once per machine. It runs on Python 2.7 only.
func install(t *testing.T) (python, dir string) {
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	python = filepath.Join(home, ".pyenv", "versions", "2.7.18", "bin", "python2.7")
	if _, err := os.Stat(python); err != nil {
		if python, err = exec.LookPath("python2.7"); err != nil {
			t.Skip("Autobahn needs Python 2.7: pyenv install 2.7.18")
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(cache, "sluice", strings.ReplaceAll(autobahn, "==", "-"))
	if _, err := os.Stat(dir); err == nil {
		return python, dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	making, err := os.MkdirTemp(filepath.Dir(dir), "making-") //nolint:usetesting // it is renamed, on one file system
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(making)
	if out, err := exec.Command(python, "-m", "pip", "install", "--quiet", "--target", making, autobahn).CombinedOutput(); err != nil {
		t.Skipf("Autobahn needs pip for Python 2.7, and PyPI: %v\n%s", err, out)
	}
	if err := os.Rename(making, dir); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return python, dir
}

func TestAutobahn(t *testing.T) { fuzz(t, echo(t)) }

// fuzz has Autobahn's fuzzing client talk to an echo. Cases 12 and 13 are of compression,
// which is not offered.
func fuzz(t *testing.T, s *httptest.Server) {
	t.Helper()
	if testing.Short() || os.Getenv("SLUICE_TEST_ALL") != "1" && os.Getenv("SLUICE_TEST_FULL") != "1" {
		t.Skip("Autobahn takes a minute: SLUICE_TEST_ALL=1 runs it")
	}
	python, dir := install(t)
	work := t.TempDir()
	spec, err := json.Marshal(map[string]any{
		"outdir":        filepath.Join(work, "report"),
		"servers":       []any{map[string]any{"agent": "sluice", "url": "ws" + strings.TrimPrefix(s.URL, "http"), "options": map[string]any{"version": 18}}},
		"cases":         []string{"1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"},
		"exclude-cases": []string{}, "exclude-agent-cases": map[string]any{},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(work, "spec.json")
	if err := os.WriteFile(file, spec, 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "autobahn.py"), dir, file)
	out, err := run.CombinedOutput()
	text, rerr := os.ReadFile(filepath.Join(work, "report", "index.json"))
	if rerr != nil {
		t.Fatalf("%v, %v\n%s", err, rerr, out)
	}
	var report map[string]map[string]struct{ Behavior, BehaviorClose string }
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for name, result := range report["sluice"] {
		counts[result.Behavior]++
		if bad := result.Behavior + result.BehaviorClose; strings.Contains(bad, "FAILED") || strings.Contains(bad, "WRONG") || strings.Contains(bad, "UNCLEAN") {
			t.Errorf("case %s: %+v", name, result)
		}
	}
	t.Log(fmt.Sprint(counts))
	if counts["OK"] < 200 {
		t.Errorf("%v: want all cases", counts)
	}
}
