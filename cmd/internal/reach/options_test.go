package reach

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func parsed(t *testing.T, args ...string) (*Options, error) {
	t.Helper()
	o, flags := new(Options), flag.NewFlagSet("test", flag.ContinueOnError)
	o.Flags(flags)
	return o, o.Parse(flags, args, "", io.Discard)
}

// The token is that of the file, or of the environment. A user who writes the header says
// it all.
func TestTheTokenIsSent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("of-the-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLUICE_TOKEN", "of-the-environment")
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"Bearer of-the-environment", nil},
		{"Bearer of-the-file", []string{"--token-file", file}},
		{"Basic of-the-line", []string{"--header", "authorization: Basic of-the-line"}},
	} {
		o, err := parsed(t, append(tt.args, "gateway")...)
		if err != nil {
			t.Fatal(err)
		}
		if header, err := o.Header(); err != nil || header["Authorization"] != tt.want {
			t.Errorf("%q: %v, %v", tt.args, header, err)
		}
	}
	t.Setenv("SLUICE_TOKEN", "s3cret\nX: y")
	if _, err := parsed(t, "gateway"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a token of two lines: %v", err)
	}
}

func TestFlagsBecomeTheQuery(t *testing.T) {
	o, err := parsed(t, "shop.example/live?stream=a", "--ticket", "a b", "--stream", "b", "--header", "Cookie: a=1", "--header", "Cookie: b=2")
	if err != nil || o.URL.String() != "http://shop.example/live?stream=b&ticket=a+b" || o.Headers["Cookie"] != "a=1; b=2" {
		t.Errorf("%v %v, %v", o.URL, o.Headers, err)
	}
}
