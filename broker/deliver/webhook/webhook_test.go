package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/deliver"
	"sluice/broker/shape"
)

// request is one that a target got.
type request struct {
	header http.Header
	body   string
}

// server is a target that answers as told.
func server(t *testing.T, answer http.HandlerFunc) (url string, got chan request) {
	t.Helper()
	got = make(chan request, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, string(body)}
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func target(t *testing.T, c Config) *Target {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	made, err := New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Close)
	return made
}

func message() *deliver.Message {
	rec := &kgo.Record{Topic: "order-topic", Partition: 3, Offset: 77, Timestamp: time.UnixMilli(1769860800123)}
	return &deliver.Message{
		Record: rec, ID: "order-topic/3/77", Stream: "orders", Name: "order.confirmed", Subject: "o 7%ü",
		Data: []byte(`{"orderId":"o-7"}`), IsJSON: true,
	}
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const (
	oneSecret   = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// The specification's own example.
func TestSignature(t *testing.T) {
	k, err := parseKeys("secret", []byte(oneSecret))
	if err != nil {
		t.Fatal(err)
	}
	got := k.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSecretsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "has no secret",
		"\n# a comment\n":                     "has no secret",
		"whsec_short":                         "line 1 is no secret",
		oneSecret + "\nwhsec_AAAA":            "the key in line 2 has 3 bytes",
		strings.Repeat(oneSecret+"\n", 9):     "8 at most",
		"# new\n" + oneSecret + "\n# old\n\n": "",
	} {
		_, err := New(Config{URL: "https://shop.example/", SecretFile: secretFile(t, text)}, nil)
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", text, err, want)
		case err != nil && strings.Contains(err.Error(), "MfKQ"):
			t.Errorf("the error has the secret: %v", err)
		}
	}
}

// While secrets are rotated a message is signed by each. The file is read again.
func TestSecretsRotate(t *testing.T) {
	url, got := server(t, nil)
	file := secretFile(t, oneSecret)
	to := target(t, Config{URL: url, AllowPrivate: true, SecretFile: file})
	send := func() []string {
		if o := to.Send(t.Context(), message()); o.Verdict != deliver.Delivered {
			t.Fatalf("%+v", o)
		}
		return strings.Fields((<-got).header.Get("webhook-signature"))
	}
	if n := len(send()); n != 1 {
		t.Fatalf("%d signatures", n)
	}
	if err := os.WriteFile(file, []byte(otherSecret+"\n"+oneSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for len(send()) != 2 {
		<-tick.C
	}
}

func TestWhatIsSent(t *testing.T) {
	structured := `{"specversion":"1.0","id":"order-topic/3/77","source":"/streams/orders","type":"order.confirmed","subject":"o 7%ü","time":"2026-01-31T12:00:00.123Z","datacontenttype":"application/json","data":{"orderId":"o-7"}}`
	for _, tt := range []struct {
		name, kind, data, body, contentType string
		json                                bool
		header                              map[string]string
	}{
		{"JSON", "", `{"orderId":"o-7"}`, `{"orderId":"o-7"}`, "application/json", true, map[string]string{"ce-id": ""}},
		{"text", CloudEventsNone, "hi", "hi", "text/plain; charset=utf-8", false, nil},
		{"bytes", CloudEventsNone, "\xff\x00", "\xff\x00", "application/octet-stream", false, nil},
		{"binary", CloudEventsBinary, `{"orderId":"o-7"}`, `{"orderId":"o-7"}`, "application/json", true, map[string]string{
			"ce-specversion": "1.0", "ce-id": "order-topic/3/77", "ce-source": "/streams/orders", "ce-type": "order.confirmed",
			"ce-subject": "o%207%25%C3%BC", "ce-time": "2026-01-31T12:00:00.123Z",
		}},
		{"structured", CloudEventsStructured, `{"orderId":"o-7"}`, structured, "application/cloudevents+json; charset=utf-8", true, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, got := server(t, nil)
			m := message()
			m.Data, m.IsJSON = []byte(tt.data), tt.json
			if o := target(t, Config{URL: url, AllowPrivate: true, CloudEvents: tt.kind}).Send(t.Context(), m); o.Verdict != deliver.Delivered {
				t.Fatalf("%+v", o)
			}
			r := <-got
			if r.body != tt.body || r.header.Get("Content-Type") != tt.contentType || r.header.Get("webhook-id") != m.ID || r.header.Get("webhook-signature") != "" {
				t.Errorf("%s %v", r.body, r.header)
			}
			for name, want := range tt.header {
				if got := r.header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// A sealed id is the same in the header and in the event.
func TestSealedIDs(t *testing.T) {
	ids := shape.RecordID{Key: []byte("0123456789abcdef")}
	url, got := server(t, nil)
	m := message()
	m.ID = string(ids.Append(nil, m.Record.Topic, m.Record.Partition, m.Record.Offset))
	if o := target(t, Config{URL: url, AllowPrivate: true, CloudEvents: CloudEventsStructured, IDs: ids}).Send(t.Context(), m); o.Verdict != deliver.Delivered {
		t.Fatalf("%+v", o)
	}
	if r := <-got; !strings.Contains(r.body, `"id":"`+m.ID+`"`) || r.header.Get("webhook-id") != m.ID || strings.Contains(r.body, "order-topic/3") {
		t.Errorf("%s %v", r.body, r.header)
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	for _, tt := range []struct {
		status  int
		after   string
		verdict deliver.Verdict
		down    bool
		wait    time.Duration
	}{
		{200, "", deliver.Delivered, false, 0},
		{204, "", deliver.Delivered, false, 0},
		{302, "", deliver.Failed, false, 0},
		{400, "", deliver.Refused, false, 0},
		{401, "", deliver.Failed, false, 0},
		{404, "", deliver.Failed, false, 0},
		{408, "", deliver.Failed, true, 0},
		{410, "", deliver.Gone, false, 0},
		{413, "", deliver.Refused, false, 0},
		{422, "", deliver.Refused, false, 0},
		{429, "7", deliver.Failed, true, 7 * time.Second},
		{500, "soon", deliver.Failed, true, 0},
		{503, "120", deliver.Failed, true, 2 * time.Minute},
	} {
		url, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
			if tt.after != "" {
				w.Header().Set("Retry-After", tt.after)
			}
			if tt.status == 302 {
				w.Header().Set("Location", "/elsewhere")
			}
			w.WriteHeader(tt.status)
			if tt.status >= 400 {
				_, _ = io.WriteString(w, "no\nway \x00 here")
			}
		})
		o := target(t, Config{URL: url, AllowPrivate: true}).Send(t.Context(), message())
		if o.Verdict != tt.verdict || o.Down != tt.down || o.After != tt.wait {
			t.Errorf("%d: %+v", tt.status, o)
		}
		if tt.status >= 400 && !strings.HasSuffix(o.Err.Error(), ": no way   here") {
			t.Errorf("%d: %v", tt.status, o.Err)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if got := retryAfter("Fri, 02 Jan 2026 03:05:05 GMT", now); got != time.Minute {
		t.Errorf("a date: %v", got)
	}
}

// A target that hangs, resets, isn't there or shows a foreign certificate: the cause says
// which, and the error has no query, which may be a key.
func TestWhatAnErrorMeans(t *testing.T) {
	hangs := make(chan struct{})
	slow, _ := server(t, func(http.ResponseWriter, *http.Request) { <-hangs })
	resets, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		c, _, _ := w.(http.Hijacker).Hijack()
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	})
	secure := httptest.NewTLSServer(nil)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(secure.Close)
	refuses := httptest.NewUnstartedServer(nil) // the handshake, with an alert
	refuses.Config.ErrorLog = secure.Config.ErrorLog
	refuses.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	refuses.StartTLS()
	t.Cleanup(refuses.Close)
	t.Cleanup(func() { close(hangs) })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, tt := range []struct {
		url, cause string
		private    bool
	}{
		{slow, "timeout", true},
		{resets, "connection_lost", true},
		{secure.URL, "tls", true},
		{refuses.URL, "tls", true},
		{"http://" + closed.Addr().String(), "connection_refused", true},
		{slow, "private_address", false},
		{"http://localhost:" + closed.Addr().String()[strings.LastIndexByte(closed.Addr().String(), ':')+1:], "private_address", false},
	} {
		c := Config{URL: tt.url + "/?token=hush", AllowPrivate: tt.private, Timeout: 10 * time.Second}
		if tt.cause == "timeout" {
			c.Timeout = 200 * time.Millisecond
		}
		o := target(t, c).Send(t.Context(), message())
		if o.Verdict != deliver.Failed || o.Cause != tt.cause || !o.Down || strings.Contains(o.Err.Error(), "hush") {
			t.Errorf("%s: %+v", tt.cause, o)
		}
	}
}

// The secret's signature is not handed to where a redirect leads.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere, got := server(t, nil)
	url, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	})
	o := target(t, Config{URL: url, AllowPrivate: true, SecretFile: secretFile(t, oneSecret)}).Send(t.Context(), message())
	if o.Verdict != deliver.Failed || o.Cause != "status_307" || len(got) > 0 {
		t.Errorf("%+v, %d requests elsewhere", o, len(got))
	}
}

func TestACancelledAttemptEnds(t *testing.T) {
	hangs := make(chan struct{})
	url, got := server(t, func(http.ResponseWriter, *http.Request) { <-hangs })
	t.Cleanup(func() { close(hangs) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-got; cancel() }()
	if o := target(t, Config{URL: url, AllowPrivate: true}).Send(ctx, message()); o.Verdict != deliver.Failed {
		t.Errorf("%+v", o)
	}
}

func TestPublicAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true, "8.8.8.8": true, "64:ff9b::808:808": true, "2002:808:808::1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.100.100.200": false,
		"0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "198.18.0.1": false,
		"::": false, "::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b::a00:1": false,
		"2002:7f00:1::1": false, "2002:a00:1::": false, "fec0::1": false, "2001:db8::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: public %v", text, got)
		}
	}
}

func TestURLs(t *testing.T) {
	for text, want := range map[string]string{
		"https://shop.example/api?x=1": "", "http://localhost:3000/": "",
		"": "is no URL", "shop.example/api": "is no URL", "ftp://shop.example/": "is no URL", "https://": "is no URL",
		"https://user:hush@shop.example/": "has a user", "https://shop.example/#a": "fragment", "http://hush%zz": "is no URL",
	} {
		err := CheckURL(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush")) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if s := target(t, Config{URL: "https://shop.example/api?key=hush"}).String(); s != "https://shop.example/api" {
		t.Error(s)
	}
}

// What the target answers is read up to a bound.
func TestALongAnswerIsCut(t *testing.T) {
	url, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write(bytes.Repeat([]byte("x"), 10<<20))
	})
	o := target(t, Config{URL: url, AllowPrivate: true}).Send(t.Context(), message())
	if o.Cause != "status_502" || len(o.Err.Error()) > maxQuoted+100 {
		t.Errorf("%+v", o)
	}
}
