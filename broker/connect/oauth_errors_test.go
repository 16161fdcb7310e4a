package connect_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sluice/broker"
	"sluice/broker/connect"
)

// TestNoErrorShowsWhatATokenURLHasInIt: its query may have a key, and the address that it
// leads on to, too.
func TestNoErrorShowsWhatATokenURLHasInIt(t *testing.T) {
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			io.WriteString(conn, strings.ReplaceAll(text, "URL", r.URL.String())) // the client has what it gets
		}
	}
	const secret = "s3cret"
	for name, answer := range map[string]http.HandlerFunc{
		"cut off":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a fault":     raw("HTTP/1.1 500 no URL\r\nContent-Length: 0\r\n\r\n"),
		"no HTTP":     raw("what is URL\r\n\r\n"),
		"no address":  raw("HTTP/1.1 307 x\r\nLocation: http://u:" + secret + "@x:bad/URL\r\nContent-Length: 0\r\n\r\n"),
		"no path":     raw("HTTP/1.1 307 x\r\nLocation: /%zz?k=" + secret + "\r\nContent-Length: 0\r\n\r\n"),
		"leads on":    raw("HTTP/1.1 307 x\r\nLocation: http://u:" + secret + "@x/URL\r\nContent-Length: 0\r\n\r\n"),
		"no token":    raw("HTTP/1.1 200 x\r\nContent-Length: 4\r\n\r\nnull"),
		"not reached": nil,
	} {
		server := httptest.NewServer(answer)
		if answer == nil {
			server.Close()
		}
		oauth := connect.OAuth{TokenURL: server.URL + "/token?key=" + secret + "#" + secret, ClientID: "c", ClientSecret: "x"}
		login, err := connect.SASL{Mechanism: connect.MechanismOAuthBearer, OAuth: oauth}.Login(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		_, got, err := login.Authenticate(t.Context(), "broker")
		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(broker.ErrorText(err), secret) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		server.Close()
	}
}
