// Package cloudtest has what tests need of clouds: moto, which stands in for AWS, and
// Python with boto3. Both come from PyPI once, into the user's cache. [Venv] keeps other
// packages of PyPI there too.
package cloudtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

//go:embed requirements.txt
var requirements []byte

// Region is where everything is.
const Region = "eu-central-1"

// Credentials sets made-up credentials for the test, and hides those of the machine.
func Credentials(t *testing.T) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hush-secret-key", "AWS_SESSION_TOKEN": "hush-session",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": Region,
	} {
		t.Setenv(name, value)
	}
	t.Setenv("AWS_PROFILE", "") // it is set again after the test
	if err := os.Unsetenv("AWS_PROFILE"); err != nil {
		t.Fatal(err)
	}
}

// Moto starts moto, and returns its URL. It ends with the test.
func Moto(t *testing.T) (url string) {
	t.Helper()
	python := Venv(t, "moto", requirements)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	var said bytes.Buffer
	ctx, end := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, python, "-m", "moto.server", "-H", "127.0.0.1", "-p", fmt.Sprint(port))
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // it is killed
	t.Cleanup(func() { end(); <-ended })
	url = fmt.Sprintf("http://127.0.0.1:%d", port)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(2 * time.Minute); ; {
		resp, err := http.Get(url + "/moto-api/data.json")
		if err == nil {
			resp.Body.Close()
			return url
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("moto has ended: %s", &said)
		case <-late:
			t.Fatal("moto doesn't answer")
		}
	}
}

// Python runs a script with boto3, and returns what it prints.
func Python(t *testing.T, input []byte, script string, args ...string) []byte {
	t.Helper()
	out, err := run(input, Venv(t, "moto", requirements), append([]string{script}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Venv returns a Python that has these requirements, which are text as pip reads it. They
// are installed once for each text. Without PyPI the test is skipped, or fails where
// nothing may be skipped.
func Venv(t *testing.T, name string, requirements []byte) (python string) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs packages of PyPI: not with -short")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(requirements)
	dir := filepath.Join(cache, "sluice", name+"-"+hex.EncodeToString(sum[:8]))
	python = filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(dir); err == nil {
		return python
	}
	if err := install(dir, requirements); err != nil && os.Getenv("SLUICE_TEST_ALL") == "1" {
		t.Fatal(err)
	} else if err != nil {
		t.Skipf("needs python3 with venv and pip (Debian: python3-venv), and PyPI: %v", err)
	}
	return python
}

// install makes the directory, whole or not at all. Another run may be faster.
func install(dir string, requirements []byte) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	making, err := os.MkdirTemp(filepath.Dir(dir), "making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(making)
	list := filepath.Join(making, "requirements.txt")
	if err := os.WriteFile(list, requirements, 0o600); err != nil {
		return err
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", making},
		{filepath.Join(making, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", list},
	} {
		if _, err := run(nil, command[0], command[1:]...); err != nil {
			return err
		}
	}
	if err := os.Rename(making, dir); err != nil && !os.IsExist(err) {
		return err
	}
	return nil
}

func run(input []byte, name string, args ...string) ([]byte, error) {
	var errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, &errs)
	}
	return out, err
}
