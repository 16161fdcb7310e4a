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
// It is built with the race detector if the tests are.
func Binary() (string, error) {
	built.once.Do(func() { built.name, built.err = build() })
	return built.name, built.err
}

func build() (string, error) {
	dir, err := os.MkdirTemp("", "sluice-e2e-")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "sluice")
	args := []string{"build", "-o", name}
	if raceEnabled {
		args = append(args, "-race")
	}
	if said, err := exec.Command("go", append(args, "sluice/cmd/sluice")...).CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir) // the reason why there is nothing in it counts
		return "", fmt.Errorf("building sluice: %w\n%s", err, said)
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
