package tail

import (
	"encoding/pem"
	"flag"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

func certificatePEM(srv *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
}

func TestTarget(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"localhost:8080", "http://localhost:8080/events"},
		{"https://shop.example/", "https://shop.example/events"},
		{"https://shop.example/live/events?stream=a", "https://shop.example/live/events?stream=a"},
	} {
		o, err := parse(flag.NewFlagSet("", flag.ContinueOnError), []string{tt.in}, io.Discard)
		if err != nil || o.URL.String() != tt.want {
			t.Errorf("%s: %v, %v; want %s", tt.in, o, err, tt.want)
		}
	}
}

func TestBadUsageIsStatus2(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"http://a", "http://b"},
		{"ftp://a"},
		{"http://a", "--count", "-1"},
		{"http://a", "--header", "no colon"},
		{"http://a", "--header", "Bad Name: x"},
		{"http://a", "--header", "Last-Event-ID: x"},
		{"http://a", "--header", "Authorization: x", "--token-file", "y"},
		{"http://a", "--last-event-id", "x\ny"},
		{"http://a", "--unknown"},
	} {
		var stderr strings.Builder
		if status := Run(t.Context(), args, io.Discard, &stderr); status != 2 || stderr.Len() == 0 {
			t.Errorf("%q: status %d, stderr %q; want 2 and a reason", args, status, &stderr)
		}
	}
}

func TestSecretHeaderIsNotRepeated(t *testing.T) {
	var stderr strings.Builder
	Run(t.Context(), []string{"http://a", "--header", "Authorization Bearer s3cret"}, io.Discard, &stderr)
	if text := stderr.String(); !strings.Contains(text, "Name: value") || strings.Contains(text, "s3cret") {
		t.Errorf("stderr %q; want how to write it, and no secret", text)
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr strings.Builder
	status := Run(t.Context(), []string{"-h"}, &stdout, &stderr)
	if status != 0 || stderr.Len() > 0 || !strings.Contains(stdout.String(), "-last-event-id") {
		t.Errorf("status %d, stdout %q, stderr %q", status, &stdout, &stderr)
	}
}
