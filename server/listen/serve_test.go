package listen

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/limit"
)

// What net/http logs is what strangers do. On info it is not there. On debug a flood of
// it is shortened, and counted.
func TestWhatStrangersDoDoesNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		level := new(slog.LevelVar)
		s := NewHTTP(http.NotFoundHandler(), slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: level})))
		flood := func() {
			for range 1000 {
				s.ErrorLog.Printf("http: TLS handshake error from %s: EOF", "192.0.2.1:4711")
			}
		}
		if flood(); logs.Len() > 0 {
			t.Errorf("on info: %s", &logs)
		}
		level.Set(slog.LevelDebug)
		flood()
		if n := strings.Count(logs.String(), "TLS handshake error from 192.0.2.1:4711: EOF"); n != limit.DebugLines.N {
			t.Errorf("%d lines at once", n)
		}
		<-time.After(limit.DebugLines.Per)
		logs.Reset()
		s.ErrorLog.Print("http: another")
		if got := logs.String(); !strings.Contains(got, "unlogged=950") {
			t.Error(got)
		}
	})
}
