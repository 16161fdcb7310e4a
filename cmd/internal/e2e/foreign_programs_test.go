package e2e

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// foreignPrograms is a language in testdata/foreign: how its clients are fetched, and how
// one is run.
type foreignPrograms struct {
	folder string
	needs  string // what a machine lacks where fetching fails, or a command isn't there
	runs   string // the command that runs them: it may be gone since they were fetched
	fetch  func(dir string) [][]string
	run    func(dir, client, url string) []string
}

var (
	pythonPrograms = foreignPrograms{
		folder: "python", runs: "python3", needs: "python3 with venv and pip (Debian: python3-venv), and PyPI",
		fetch: func(dir string) [][]string {
			pip := []string{filepath.Join(dir, "venv", "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"}
			return [][]string{
				{"python3", "-m", "venv", filepath.Join(dir, "venv")},
				append(pip, "--requirement", filepath.Join(dir, "requirements.txt")),
				// sseclient-py has a module of the same name.
				append(pip, "--no-deps", "--target", filepath.Join(dir, "sseclient"), "sseclient==0.0.27"),
			}
		},
		run: func(dir, client, url string) []string {
			return []string{filepath.Join(dir, "venv", "bin", "python"), filepath.Join(dir, "clients.py"), client, url}
		},
	}
	nodePrograms = foreignPrograms{
		folder: "node", runs: "node", needs: "Node and npm (Debian: nodejs npm), and the npm registry",
		fetch: func(dir string) [][]string {
			return [][]string{{"npm", "ci", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts"}}
		},
		run: func(dir, client, url string) []string {
			return []string{"node", filepath.Join(dir, "clients.mjs"), client, url, strings.Join(foreignNames, ",")}
		},
	}
	javaPrograms = foreignPrograms{
		folder: "java", runs: "java", needs: "a JDK and Maven (Debian: default-jdk-headless maven), and Maven Central",
		fetch: func(dir string) [][]string {
			return [][]string{
				{"mvn", "-q", "-B", "-f", filepath.Join(dir, "pom.xml"), "dependency:copy-dependencies",
					"-DoutputDirectory=" + filepath.Join(dir, "jars"), "-DincludeScope=runtime"},
				{"javac", "-cp", filepath.Join(dir, "jars", "*"), "-d", filepath.Join(dir, "classes"), filepath.Join(dir, "Clients.java")},
			}
		},
		run: func(dir, client, url string) []string {
			path := filepath.Join(dir, "classes") + string(os.PathListSeparator) + filepath.Join(dir, "jars", "*")
			return []string{"java", "-XX:TieredStopAtLevel=1", "-cp", path, "Clients", client, url}
		},
	}
)

// install returns the folder of the user's cache in which the programs are ready to be
// run. It is filled once for each state of their files.
func (p foreignPrograms) install(ctx context.Context) (dir string, err error) {
	if _, err := exec.LookPath(p.runs); err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	source := os.DirFS(filepath.Join("testdata", "foreign", p.folder))
	files, err := fs.Glob(source, "*")
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, name := range files {
		text, err := fs.ReadFile(source, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d\n%s", name, len(text), text)
	}
	cache = filepath.Join(cache, "sluice")
	dir = filepath.Join(cache, fmt.Sprintf("foreign-%s-%x", p.folder, hash.Sum(nil)[:6]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	making, err := os.MkdirTemp(cache, "making-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(making) // it is gone where all went well
	if err := os.CopyFS(making, source); err != nil {
		return "", err
	}
	for _, args := range p.fetch(making) {
		if said, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(args[:min(3, len(args))], " "), err, said)
		}
	}
	// Whole or not at all. Another run may have been faster.
	if err := os.Rename(making, dir); err != nil {
		if _, missing := os.Stat(dir); missing != nil {
			return "", err
		}
	}
	return dir, nil
}

// client is one of the programs.
func (p foreignPrograms) client(dir, name string) foreignClient {
	return foreignClient{name, func(ctx context.Context, _ *testing.T, url string, each func(seen)) error {
		args := p.run(dir, name, url)
		return readPrinted(exec.CommandContext(ctx, args[0], args[1:]...), each)
	}}
}

// readPrinted hands on what a program prints, an event a line, until the context of its
// command ends.
func readPrinted(program *exec.Cmd, each func(seen)) error {
	var said strings.Builder
	program.Stderr = &said
	out, err := program.StdoutPipe()
	if err == nil {
		err = program.Start()
	}
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e printed
		if err = json.Unmarshal(lines.Bytes(), &e); err != nil {
			err = fmt.Errorf("it printed %q: %w", lines.Bytes(), err)
			break
		}
		each(e.seen())
	}
	if ended := program.Wait(); ended != nil {
		err = errors.Join(err, fmt.Errorf("%w\n%s", ended, said.String()))
	}
	return err
}

// printed is an event as JSON.
type printed struct{ ID, Event, Data string }

func (p printed) seen() seen { return seen{p.ID, p.Event, p.Data} }
