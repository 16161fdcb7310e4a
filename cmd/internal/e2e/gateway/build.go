package gateway

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// built is the binary of this test process.
var built struct {
	once sync.Once
	name string
	err  error
}

// Binary builds sluice, once for the whole test process, and returns the binary's name.
// It is built with the race detector if the tests are. The user's cache keeps the last
// one: linking takes seconds, and the packages that need it have the same.
func Binary() (string, error) {
	built.once.Do(func() { built.name, built.err = build() })
	return built.name, built.err
}

func build() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "sluice")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(cache, "gateway-")
	if err != nil {
		return "", err
	}
	name, last := filepath.Join(dir, "sluice"), filepath.Join(cache, "gateway")
	args := []string{"build", "-o", name}
	if raceEnabled {
		args, last = append(args, "-race"), last+"-race"
	}
	// Go leaves a binary alone that is up to date, and never writes into another's file.
	// Without the last one there is more to do, that is all.
	_ = os.Link(last, name)
	if said, err := exec.Command("go", append(args, "sluice/cmd/sluice")...).CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir) // the reason why there is nothing in it counts
		return "", fmt.Errorf("building sluice: %w\n%s", err, said)
	}
	if next := name + "-next"; os.Link(name, next) == nil {
		_ = os.Rename(next, last) // whole or not at all, though others do the same
		_ = os.Remove(next)       // a rename onto the same file leaves it
	}
	return name, nil
}

// Exit removes what [Binary] built and ends the test process with the status of its
// tests, or with 1 if that failed.
func Exit(status int) {
	if built.name != "" {
		if err := os.RemoveAll(filepath.Dir(built.name)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}
