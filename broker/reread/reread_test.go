package reread

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newText is a Value of a file's text, where "bad" is refused, and its log.
func newText(t *testing.T, file string) (*Value[string], *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	v, err := New("a.key", slog.New(slog.NewTextHandler(&log, nil)), func(contents [][]byte) (string, error) {
		if strings.HasPrefix(string(contents[0]), "bad") {
			return "", errors.New("it is no good")
		}
		return Text(file, contents[0])
	}, file)
	if err != nil {
		t.Fatal(err)
	}
	return v, &log
}

func TestAFileIsReadAgainOnceASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		write(t, file, "one\n")
		v, _ := newText(t, file)
		for _, step := range []struct{ text, get string }{{"two", "one"}, {"six", "one"}} { // of one length, at one time
			write(t, file, step.text)
			<-time.After(every/2 - 1)
			if got := v.Get(); got != step.get {
				t.Errorf("with %q in the file for less than a second, Get = %q, want %q", step.text, got, step.get)
			}
		}
		if got := v.Latest(); got != "six" {
			t.Errorf("Latest = %q, want what the file holds now", got)
		}
		write(t, file, "ten")
		<-time.After(every)
		if got := v.Get(); got != "ten" {
			t.Errorf("after a second Get = %q, want ten", got)
		}
	})
}

func TestAFileThatCannotBeUsedLeavesTheValueAndIsLoggedOnce(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, file string){
		"refused":   func(t *testing.T, file string) { write(t, file, "bad secret-7731") },
		"empty":     func(t *testing.T, file string) { write(t, file, "\n") },
		"too large": func(t *testing.T, file string) { write(t, file, strings.Repeat("x", maxFile+1)) },
		"gone":      func(t *testing.T, file string) { os.Remove(file) },
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			write(t, file, "one")
			v, log := newText(t, file)
			for range 2 {
				log.Reset()
				spoil(t, file)
				for range 3 {
					if got := v.Latest(); got != "one" {
						t.Fatalf("Latest = %q, want what was there before", got)
					}
				}
				if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "a.key") || strings.Contains(said, "7731") {
					t.Errorf("the log has, for one fault:\n%s", said)
				}
				write(t, file, "one") // back to what it was: a new fault is said again
				v.Latest()
			}
			write(t, file, "two")
			if got := v.Latest(); got != "two" {
				t.Errorf("Latest = %q, want two", got)
			}
		})
	}
}

func TestAValueIsReadByManyAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "one")
	v, _ := newText(t, file)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				got := v.Get()
				if i == 0 {
					got = v.Latest()
				}
				if got != "one" {
					t.Errorf("Get = %q", got)
				}
			}
		})
	}
	all.Wait()
}

func TestTheFirstFileMustBeUsable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	parse := func(c [][]byte) (string, error) { return Text(file, c[0]) }
	if _, err := New("a.key", slog.Default(), parse, file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("New without the file: %v", err)
	}
	write(t, file, "")
	if _, err := New("a.key", slog.Default(), parse, file); err == nil {
		t.Error("New with an empty file did not fail")
	}
}
