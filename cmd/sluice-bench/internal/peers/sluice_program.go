//go:build linux

package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// sluicePackage is what is built where there is no program yet.
const sluicePackage = "sluice/cmd/sluice"

// FindSluice returns the gateway's program. It is the one that was named, or the one next
// to this program. Otherwise it is one built into dir from the source tree around the
// working directory, or the one in PATH.
func FindSluice(ctx context.Context, named, dir string) (string, error) {
	if named != "" {
		found, err := exec.LookPath(named)
		if err != nil && !errors.Is(err, exec.ErrDot) {
			return "", fmt.Errorf("--sluice: %w", err)
		}
		return filepath.Abs(found)
	}
	if own, err := os.Executable(); err == nil {
		if found, err := exec.LookPath(filepath.Join(filepath.Dir(own), "sluice")); err == nil {
			return found, nil
		}
	}
	if _, err := exec.LookPath("go"); err == nil && exec.CommandContext(ctx, "go", "list", sluicePackage).Run() == nil {
		return build(ctx, filepath.Join(dir, "sluice"))
	}
	if found, err := exec.LookPath("sluice"); err == nil {
		return found, nil
	}
	return "", errors.New("there is no sluice to measure: none beside this program, none in PATH, and no source here to build it from; " +
		"name one with --sluice, or leave it out with --server none")
}

func build(ctx context.Context, to string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "build", "-o", to, sluicePackage).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", sluicePackage, err, out)
	}
	return to, nil
}

// SluiceVersion is what a program says of itself, which shows as well that it
// is a sluice and runs here.
func SluiceVersion(ctx context.Context, program string) (string, error) {
	out, err := exec.CommandContext(ctx, program, "version").Output()
	version := strings.TrimSpace(string(out))
	if err == nil && !strings.HasPrefix(version, "sluice ") {
		err = errors.New("it doesn't say `sluice …` to `version`")
	}
	if err != nil {
		return "", fmt.Errorf("%s isn't a sluice that runs here: %w", program, err)
	}
	return version, nil
}
