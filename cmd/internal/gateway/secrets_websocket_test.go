package gateway

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// TestNothingWritesATokenOfAWebSocket opens WebSockets with a token as a subprotocol,
// plain and in base64url, good and bad, as a page and as a program. It looks for the
// tokens in all that the gateway writes: its log at the most talkative, what clients are
// sent, and all that operators are told.
func TestNothingWritesATokenOfAWebSocket(t *testing.T) {
	c := cluster(t, 1)
	conf := configured(t, c, `streams:
  orders: {topic: order-topic, user: key, subject: value:orderId, event: "header:type"}
  board: {topic: order-topic, audience: everyone, access: [staff]}
auth: {jwt: {secret: %q}}
log: {level: debug}
decisions: 1000
`, inquestKey)
	var written syncBuffer
	q := &inquest{t, c, startLogging(t, conf, &written)}
	public := "http://" + q.Addr().String()

	// dial opens a WebSocket, and notes what came of it.
	dial := func(query string, header http.Header, protocols ...string) *websocket.Conn {
		conn, answer, err := websocket.Dial(t.Context(), public+"/ws"+query, &websocket.DialOptions{HTTPHeader: header, Subprotocols: protocols})
		fmt.Fprintln(&written, answer.Status, answer.Header, err)
		if err != nil {
			io.Copy(&written, answer.Body)
			return nil
		}
		t.Cleanup(func() { conn.CloseNow() })
		return conn
	}
	read := func(conn *websocket.Conn) string {
		_, message, err := conn.Read(t.Context())
		fmt.Fprintf(&written, "%s %v\n", message, err)
		if closed := new(websocket.CloseError); err != nil && !errors.As(err, closed) {
			t.Fatal(err)
		}
		return string(message)
	}
	page := http.Header{"Origin": {public}}
	tokens := []string{token("alice"), token("bob", "staff"), token("alice") + "forged-3391", "no-jwt-at-all-5527", `not/of+a="token" 7719`}
	for i, token := range tokens {
		encoded := "sluice.bearer64." + base64.RawURLEncoding.EncodeToString([]byte(token))
		offers := []string{encoded, encoded + "!"}
		if !strings.ContainsAny(token, ` /="`) {
			offers = append(offers, "sluice.bearer."+token)
		}
		for _, offer := range offers {
			for _, header := range []http.Header{nil, page} {
				conn := dial("", header, "sluice.v1", offer)
				good := i < 2 && (offer == encoded || strings.HasPrefix(offer, "sluice.bearer."))
				switch {
				case conn == nil && header == nil && !good: // the status says it
				case conn == nil:
					t.Errorf("%d %.16s: no WebSocket", i, offer)
				case good != strings.Contains(read(conn), "sluice.hello"):
					t.Errorf("%d %.16s: good %v", i, offer, good)
				case !good:
					read(conn) // the close frame
				}
			}
		}
		dial("?stream=payments", page, "sluice.v1", encoded) // not theirs
		dial("?from=never", page, "sluice.v1", encoded)
		dial("", http.Header{"Origin": {"https://evil.example"}}, "sluice.v1", encoded)
	}
	alice := dial("", page, "sluice.v1", "sluice.bearer."+tokens[0])
	read(alice)
	offset := q.order("alice", body("o-1"))
	if got := read(alice); !strings.Contains(got, "o-1") {
		t.Errorf("alice was sent %s", got)
	}
	if err := alice.Write(t.Context(), websocket.MessageBinary, []byte(tokens[0])); err != nil {
		t.Fatal(err)
	}
	read(alice)

	for _, path := range []string{
		"/metrics", "/live", "/subscribers", "/readyz", "/console/", "/openapi.json",
		fmt.Sprintf("/decisions?topic=order-topic&partition=0&offset=%d&stream=orders&user=alice", offset),
		"/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1", "/debug/pprof/allocs?debug=1",
	} {
		status, text := get(t, "http://"+q.AdminAddr().String()+path)
		fmt.Fprintln(&written, path, status, text)
	}
	all := written.String()
	for _, shown := range []string{"identity-", "sluice_auth_failures_total", `"websocket"`, `"user":"bob"`, "cross-origin", "status = StatusCode(4401)", "status = StatusUnsupportedData"} {
		if !strings.Contains(all, shown) {
			t.Errorf("the run wrote nothing of %s:\n%.3000s", shown, all)
		}
	}
	for _, token := range tokens {
		signature := token[strings.LastIndexByte(token, '.')+1:]
		for _, secret := range []string{token, signature, base64.RawURLEncoding.EncodeToString([]byte(token))} {
			if i := strings.Index(all, secret); i >= 0 {
				t.Errorf("%s was written: %s", secret, all[max(0, i-160):i])
			}
		}
	}
	if i := strings.Index(all, "sluice.bearer."+tokens[0][:8]); i >= 0 {
		t.Errorf("the subprotocol was written: %s", all[max(0, i-160):i])
	}
}
