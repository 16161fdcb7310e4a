package cmdline

import (
	"flag"
	"slices"
	"strings"
	"testing"
)

func TestFlagsStandAnywhere(t *testing.T) {
	for _, tt := range []struct {
		line           string
		words          []string
		n              int
		status         int
		stdout, stderr string
	}{
		{line: ""},
		{line: "a --n 5", words: []string{"a"}, n: 5},
		{line: "--n 5 a b", words: []string{"a", "b"}, n: 5},
		{line: "a --n=3 b -n 5 c", words: []string{"a", "b", "c"}, n: 5},
		{line: "a -h", stdout: "Usage: x\n  -n int\n    \thow many\n  --name file\n    \tthe file (default x.yaml)\n  --verbose\n    \tsay more\n"},
		{line: "a --m 5", status: 2, stderr: "sluice x: flag provided but not defined: -m\nSee sluice x -h.\n"},
		{line: "--verbos", status: 2, stderr: "sluice x: flag provided but not defined: -verbos; did you mean --verbose?\nSee sluice x -h.\n"},
		{line: "a --n", status: 2, stderr: "sluice x: flag needs an argument: -n\nSee sluice x -h.\n"},
	} {
		flags := flag.NewFlagSet("sluice x", flag.ContinueOnError)
		n := flags.Int("n", 0, "how many")
		flags.String("name", "x.yaml", "the `file`")
		flags.Bool("verbose", false, "say more")
		var stdout, stderr strings.Builder
		words, err := Words(flags, strings.Fields(tt.line), "Usage: x\n", &stdout)
		status := 0
		if err != nil {
			status = Status(flags, err, &stderr)
		}
		if !slices.Equal(words, tt.words) || *n != tt.n || status != tt.status || strings.TrimSpace(stdout.String()) != strings.TrimSpace(tt.stdout) || stderr.String() != tt.stderr {
			t.Errorf("%q: words %q, n %d, status %d, stdout %q, stderr %q", tt.line, words, *n, status, stdout.String(), stderr.String())
		}
	}
}

func TestTooMany(t *testing.T) {
	if err := TooMany([]string{"a"}, 1); err != nil {
		t.Error(err)
	}
	if err := TooMany([]string{"a", "b", "c"}, 1); err == nil || err.Error() != `"b" is one word too many` {
		t.Error(err)
	}
}
