package completion

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var some = []Command{
	{Name: "serve", Short: "the gateway", Flags: []Flag{{Name: "-c", Argument: "file", Short: "the configuration"}}},
	{Name: "tail", Short: "what's in a stream", Flags: []Flag{{Name: "--json", Short: "one object [a line]"}, {Name: "--count", Argument: "N", Short: "end after N"}}},
}

func TestFlagsOfAHelp(t *testing.T) {
	got := FlagsOf("Usage: sluice tail URL\n\nFlags:\n  -c file\n    \tthe configuration\n  --json\n    \tone object\n    \ta line\n")
	want := []Flag{{"-c", "file", "the configuration"}, {"--json", "", "one object"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got := FlagsOf("Usage: sluice version\n"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// shell skips where the shell isn't there.
func shell(t *testing.T, name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("needs " + name)
	}
	return path
}

func TestBashCompletes(t *testing.T) {
	bash := shell(t, "bash")
	script, _ := Script("bash", some)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("sluice.yaml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"sluice se":        "serve",
		"sluice ":          "help serve tail",
		"sluice tail --c":  "--count",
		"sluice tail -":    "--count --json",
		"sluice help ta":   "tail",
		"sluice serve slu": "sluice.yaml",
	} {
		words := strings.Split(line, " ")
		program := script + "\nCOMP_WORDS=('" + strings.Join(words, "' '") + "')\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_sluice\nprintf '%s\\n' \"${COMPREPLY[@]}\" | sort"
		out, err := exec.Command(bash, "--norc", "-c", program).CombinedOutput()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", line, got, err, want)
		}
	}
}

// The others' scripts are at least read by their shells without complaint.
func TestShellsReadTheirScripts(t *testing.T) {
	for _, name := range Shells {
		t.Run(name, func(t *testing.T) {
			path := shell(t, name)
			script, ok := Script(name, some)
			if !ok {
				t.Fatal("no script")
			}
			file := filepath.Join(t.TempDir(), "sluice."+name)
			if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(path, "-n", file).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	if _, ok := Script("tcsh", some); ok {
		t.Error("there is a script for tcsh")
	}
}
