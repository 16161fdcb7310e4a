package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/broker/deliver"
	"sluice/broker/shape"
)

const functions = "../../../deploy/functions"

// The example for AWS Lambda takes what its URL gets and what Invoke gives it. It takes
// nothing whose signature doesn't fit.
func TestTheLambdaExample(t *testing.T) {
	have(t, ".", nil, "node", "--version")
	url, got := server(t, nil)
	if o := target(t, Config{URL: url, AllowPrivate: true, SecretFile: secretFile(t, oneSecret)}).Send(t.Context(), message()); o.Verdict != deliver.Delivered {
		t.Fatalf("%+v", o)
	}
	r := <-got
	byURL := func(change func(event map[string]any, headers map[string]string)) map[string]any {
		headers := make(map[string]string)
		for name := range r.header {
			headers[strings.ToLower(name)] = r.header.Get(name)
		}
		event := map[string]any{"version": "2.0", "requestContext": map[string]any{}, "headers": headers, "body": r.body, "isBase64Encoded": false}
		change(event, headers)
		return event
	}
	m := message()
	m.ID = "order-topic/3/78"
	var events []any
	var want []int
	add := func(status int, event any) { events, want = append(events, event), append(want, status) }
	add(204, byURL(func(map[string]any, map[string]string) {}))
	add(204, byURL(func(e map[string]any, _ map[string]string) {
		e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(r.body)), true
	}))
	add(401, byURL(func(e map[string]any, _ map[string]string) { e["body"] = r.body + " " }))
	add(401, byURL(func(_ map[string]any, h map[string]string) { h["webhook-id"] = "another" }))
	add(401, byURL(func(_ map[string]any, h map[string]string) { h["webhook-timestamp"] = "1" }))
	add(401, byURL(func(_ map[string]any, h map[string]string) { delete(h, "webhook-signature") }))
	add(401, byURL(func(e map[string]any, _ map[string]string) {
		e["data"], e["headers"] = map[string]any{"orderId": "o-7"}, map[string]string{}
	}))
	add(204, json.RawMessage(m.CloudEvent(shape.RecordID{})))
	m.Data = []byte(`{}`)
	add(422, json.RawMessage(m.CloudEvent(shape.RecordID{})))
	input, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := filepath.Abs(filepath.Join(functions, "lambda", "index.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET", otherSecret+" "+oneSecret)
	var answers []struct{ StatusCode int }
	if err := json.Unmarshal(run(t, ".", input, "node", "testdata/invoke.mjs", handler), &answers); err != nil {
		t.Fatal(err)
	}
	for i, a := range answers {
		if a.StatusCode != want[i] {
			t.Errorf("event %d: %d, want %d", i, a.StatusCode, want[i])
		}
	}
	t.Setenv("SECRET", "")
	if out := run(t, ".", input, "node", "testdata/invoke.mjs", handler); !strings.HasPrefix(string(out), `[{"statusCode":401}`) {
		t.Errorf("without a secret: %s", out)
	}
}

// The example for Google Cloud Functions runs in Google's own framework. It takes what is
// signed, and only that.
func TestTheGoogleExample(t *testing.T) {
	if testing.Short() {
		t.Skip("no registries with -short")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(functions, "google"))); err != nil {
		t.Fatal(err)
	}
	have(t, dir, nil, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
	url, said := startFunction(t, dir)
	c := Config{URL: url, AllowPrivate: true, SecretFile: secretFile(t, oneSecret), Timeout: time.Minute}
	for range 2 { // the second is a repeat
		if o := target(t, c).Send(t.Context(), message()); o.Verdict != deliver.Delivered {
			t.Fatalf("%+v", o)
		}
	}
	m := message()
	m.Data = []byte(`{}`)
	if o := target(t, c).Send(t.Context(), m); o.Verdict != deliver.Refused || o.Cause != "status_422" {
		t.Errorf("%+v", o)
	}
	c.SecretFile = secretFile(t, otherSecret)
	if o := target(t, c).Send(t.Context(), message()); o.Verdict != deliver.Failed || o.Cause != "status_401" {
		t.Errorf("%+v", o)
	}
	if mails := strings.Count(said(), `{"mail":"o-7"}`); mails != 1 {
		t.Errorf("%d mails", mails)
	}
}

// startFunction runs the framework. said ends it, and returns what it has printed.
func startFunction(t *testing.T, dir string) (url string, said func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", filepath.Join("node_modules", "@google-cloud", "functions-framework", "build", "src", "main.js"), "--target=orderMail", "--port="+port)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "SECRET="+oneSecret)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said = sync.OnceValue(func() string {
		cancel()
		_ = cmd.Wait() // it is killed
		return text.String()
	})
	t.Cleanup(func() { said() })
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(2 * time.Minute); ; {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return "http://" + address, said
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the function doesn't start: %s", said())
		}
	}
}

// callerFunc is a Caller.
type callerFunc func(r *http.Request, body []byte) error

func (f callerFunc) Authorize(r *http.Request, body []byte) error { return f(r, body) }

// What shows a platform who calls sees the request as it is sent. Without it nothing is
// sent, and no attempt's fault is the record's.
func TestACallerAuthorizesEachRequest(t *testing.T) {
	url, got := server(t, nil)
	c := Config{URL: url, AllowPrivate: true, SecretFile: secretFile(t, oneSecret)}
	c.Caller = callerFunc(func(r *http.Request, body []byte) error {
		r.Header.Set("Authorization", fmt.Sprint("for ", r.Header.Get("webhook-id"), " ", string(body)))
		return nil
	})
	if o := target(t, c).Send(t.Context(), message()); o.Verdict != deliver.Delivered {
		t.Fatalf("%+v", o)
	}
	if r := <-got; r.header.Get("Authorization") != `for order-topic/3/77 {"orderId":"o-7"}` || r.header.Get("webhook-signature") == "" {
		t.Errorf("%v", r.header)
	}
	c.Caller = callerFunc(func(*http.Request, []byte) error { return errors.New("none") })
	if o := target(t, c).Send(t.Context(), message()); o.Verdict != deliver.Failed || o.Cause != "no_credentials" || !o.Down || len(got) > 0 {
		t.Errorf("%+v, and %d requests", o, len(got))
	}
}
