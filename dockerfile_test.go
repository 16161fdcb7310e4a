package sluice_test

import (
	"encoding/json"
	"errors"
	"go/version"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// There is no Docker where the tests run, so what the Dockerfile takes for granted is
// checked instead.
func TestTheDockerfileFitsTheProject(t *testing.T) {
	file := read(t, "Dockerfile")
	one := func(pattern, in string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindAllStringSubmatch(in, -1)
		if len(m) != 1 {
			t.Fatalf("%d of %s", len(m), pattern)
		}
		return m[0][1]
	}
	image, mod := "go"+one(`(?m)^FROM golang:([\d.]+)-`, file), "go"+one(`(?m)^go ([\d.]+)$`, read(t, "go.mod"))
	if version.Compare(image, mod) < 0 {
		t.Errorf("it builds with %s, and go.mod wants %s", image, mod)
	}
	if version.Compare(image, "go1.26.9") < 0 {
		t.Errorf("it builds with %s, whose HTTP/2 server has known holes", image)
	}
	if ci := one(`(?m)^second_go=(\S+)`, read(t, ".ci/versions")); ci != image {
		t.Errorf("it builds with %s, and CI tests with %s", image, ci)
	}
	if releases := one(`GOTOOLCHAIN=(go[\d.]+)`, read(t, ".goreleaser.yaml")); releases != image {
		t.Errorf("it builds with %s, and releases are built with %s", image, releases)
	}
	built := one(`go build .* -o (\S+) \./cmd/sluice`, file)
	for _, line := range []string{"COPY --from=build " + built + " " + built, `ENTRYPOINT ["` + built + `"]`, `CMD ["serve"]`, "CGO_ENABLED=0 go build"} {
		if !strings.Contains(file, line) {
			t.Errorf("it lacks %q", line)
		}
	}
	if uid, err := strconv.Atoi(one(`(?m)^USER (\d+):\d+$`, file)); err != nil || uid == 0 {
		t.Errorf("it runs as user %d: %v", uid, err)
	}
	// What is copied between the stages is where a Go distribution has it.
	if _, err := os.Stat(filepath.Join(goroot(t), "lib/time/zoneinfo.zip")); err != nil {
		t.Error(err)
	}
}

// The builder is sent a few folders only. Nothing that the program is made of may be
// missing there.
func TestTheDockerBuilderIsSentAllItNeeds(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Dir,GoFiles,EmbedFiles,Module", "./cmd/sluice").Output()
	if err != nil {
		t.Fatal(err)
	}
	patterns := strings.Fields(regexp.MustCompile(`(?m)^#.*$`).ReplaceAllString(read(t, ".dockerignore"), ""))
	files := []string{"go.mod", "go.sum"}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Dir                 string
			GoFiles, EmbedFiles []string
			Module              *struct{ Main bool }
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		dir, err := filepath.Rel(here, p.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(p.GoFiles, p.EmbedFiles...) {
			files = append(files, filepath.ToSlash(filepath.Join(dir, name)))
		}
	}
	if len(files) < 100 {
		t.Fatalf("only %d files make up the program", len(files))
	}
	for _, f := range files {
		if left(patterns, f) {
			t.Errorf(".dockerignore leaves out %s", f)
		}
	}
	for _, f := range []string{"README.md", "stream/log_test.go", "server/testdata/live.http", "web/client/node_modules/x/y.js"} {
		if !left(patterns, f) {
			t.Errorf(".dockerignore sends %s", f)
		}
	}
}

// left reports whether .dockerignore leaves a file out: the last pattern that matches it,
// or a folder it is in, says so. Of Docker's patterns it knows a path, *, and **/NAME.
func left(patterns []string, file string) (out bool) {
	for _, p := range patterns {
		name, include := strings.CutPrefix(p, "!")
		deep := strings.HasPrefix(name, "**/")
		name = strings.TrimPrefix(name, "**/")
		for at := file; at != "."; at = path.Dir(at) {
			tested := at
			if deep {
				tested = path.Base(at)
			}
			if ok, _ := path.Match(name, tested); ok {
				out = !include
			}
		}
	}
	return out
}

func goroot(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
