package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sluice/broker/deliver"
	"sluice/broker/deliver/cloudtest"
)

// What is sent verifies with npm's and PyPI's libraries of Standard Webhooks, by each of
// two secrets. PyPI's cloudevents reads the events.
func TestLibrariesVerifySignatures(t *testing.T) {
	if testing.Short() {
		t.Skip("no registries with -short")
	}
	file := secretFile(t, oneSecret+"\n"+otherSecret+"\n")
	type sent struct {
		Header map[string]string `json:"header"`
		Body   string            `json:"body"`
	}
	var requests []sent
	for _, kind := range []string{CloudEventsNone, CloudEventsBinary, CloudEventsStructured} {
		url, got := server(t, nil)
		if o := target(t, Config{URL: url, AllowPrivate: true, SecretFile: file, CloudEvents: kind}).Send(t.Context(), message()); o.Verdict != deliver.Delivered {
			t.Fatalf("%+v", o)
		}
		r := <-got
		one := sent{Header: make(map[string]string), Body: r.body}
		for name := range r.header {
			one.Header[strings.ToLower(name)] = r.header.Get(name)
		}
		requests = append(requests, one)
	}
	input, err := json.Marshal(map[string]any{
		"secrets": []string{oneSecret, otherSecret}, "wrong": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "requests": requests,
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "libraries"))); err != nil {
		t.Fatal(err)
	}
	t.Run("npm", func(t *testing.T) {
		have(t, dir, nil, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
		if out := run(t, dir, input, "node", "verify.mjs"); string(out) != "verified 3\n" {
			t.Errorf("%s", out)
		}
	})
	t.Run("PyPI", func(t *testing.T) {
		requirements, err := os.ReadFile(filepath.Join(dir, "requirements.txt"))
		if err != nil {
			t.Fatal(err)
		}
		python := cloudtest.Venv(t, "webhooks", requirements)
		var events []map[string]any
		if err := json.Unmarshal(run(t, dir, input, python, "verify.py"), &events); err != nil || len(events) != 2 {
			t.Fatalf("%v %v", events, err)
		}
		for _, e := range events {
			want := map[string]any{
				"id": "order-topic/3/77", "source": "/streams/orders", "type": "order.confirmed", "subject": "o 7%ü", "data": map[string]any{"orderId": "o-7"},
			}
			if !reflect.DeepEqual(e, want) {
				t.Errorf("%v, want %v", e, want)
			}
		}
	})
}

// have runs what installs something. If that fails, the test is skipped, or fails where
// nothing may be skipped.
func have(t *testing.T, dir string, input []byte, name string, args ...string) {
	t.Helper()
	if _, err := output(dir, input, name, args...); err != nil && os.Getenv("SLUICE_TEST_ALL") == "1" {
		t.Fatal(err)
	} else if err != nil {
		t.Skipf("needs npm and its registry: %v", err)
	}
}

func run(t *testing.T, dir string, input []byte, name string, args ...string) []byte {
	t.Helper()
	out, err := output(dir, input, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func output(dir string, input []byte, name string, args ...string) ([]byte, error) {
	var errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(input), &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, &errs)
	}
	return out, err
}
