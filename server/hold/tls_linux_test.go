package hold

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// newSecureRig is a rig behind TLS.
func newSecureRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	return startRig(t, change, func(h http.Handler) (net.Addr, func()) {
		s := httptest.NewUnstartedServer(h)
		s.Listener = Listen(s.Listener)
		s.Config.ConnContext = Mark
		s.StartTLS()
		return s.Listener.Addr(), s.Close
	})
}

// secureClient is a client's TLS connection whose response has begun.
type secureClient struct {
	*tls.Conn
	*client
	secrets bytes.Buffer // the key log
}

func (c *secureClient) Close() error { return c.Conn.Close() }

func (c *secureClient) CloseWrite() error { return c.Conn.CloseWrite() }

func (r *rig) openTLS(k key, change func(*tls.Config)) *secureClient {
	r.t.Helper()
	tcp, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { tcp.Close() })
	c := new(secureClient)
	config := &tls.Config{InsecureSkipVerify: true, KeyLogWriter: &c.secrets} // the certificate is not what is tested
	if change != nil {
		change(config)
	}
	c.Conn = tls.Client(tcp, config)
	if _, err := fmt.Fprintf(c.Conn, "GET /?n=%d HTTP/1.1\r\nHost: x\r\n\r\n", k); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c.Conn), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	c.client = &client{tcp.(*net.TCPConn), r.t, resp}
	c.want("hello\n")
	return c
}

func tls12(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }

// TestSecureStall: records that a full socket cuts anywhere arrive whole and in order, in
// each version of TLS.
func TestSecureStall(t *testing.T) {
	r := newSecureRig(t, func(c *Config) { c.Workers = 1 })
	sizes := []int{2000, 300_001, 2000, 300_001}
	for i, change := range []func(*tls.Config){nil, nil, tls12, tls12} {
		k := key(i)
		c := r.openTLS(k, change)
		frames, want := numbered(30<<20/sizes[i], sizes[i])
		r.send(k, frames...)
		r.wantBlocked(k)
		other := r.openTLS(k+10, change) // the same worker's: what it seals must not touch what waits
		r.send(k+10, []byte(strings.Repeat("not held up", 1000)))
		other.want(strings.Repeat("not held up", 1000))
		other.Close()
		r.end(k)
		got := sha256.New()
		n, err := io.Copy(got, c.resp.Body)
		if err != nil || !bytes.Equal(got.Sum(nil), want) {
			t.Errorf("%d bytes, %v, and they are not those that were sent", n, err)
		}
		if n, err := c.Conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("after the end: %d, %v, want what TLS says of an end that is no cut", n, err)
		}
		c.Close()
		r.wantGone(k, Ended)
	}
	r.wantEmpty()
}

// TestSecureGone: each way a TLS client goes away is noticed.
func TestSecureGone(t *testing.T) {
	r := newSecureRig(t, nil)
	for i, tt := range []struct {
		name  string
		leave func(c *secureClient) error
	}{
		{"close", func(c *secureClient) error { return c.Close() }},
		{"close_notify alone", func(c *secureClient) error { return c.CloseWrite() }},
		{"no close_notify", func(c *secureClient) error { return c.TCPConn.Close() }},
		{"reset", func(c *secureClient) error { c.SetLinger(0); return c.TCPConn.Close() }},
		{"what is no record", func(c *secureClient) error {
			_, err := c.TCPConn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := r.openTLS(key(i), nil)
			r.send(key(i), []byte("x"))
			c.want("x")
			if err := tt.leave(c); err != nil {
				t.Fatal(err)
			}
			r.wantGone(key(i), Gone)
			r.wantEmpty()
		})
	}
	for _, w := range r.holder.workers {
		if len(w.secures) > 0 { // all quiet: the worker touches it no more
			t.Errorf("%d TLS connections are left", len(w.secures))
		}
	}
}

// TestSecureInput: what a client says after its request is not answered and disturbs
// nothing, however much it is.
func TestSecureInput(t *testing.T) {
	r := newSecureRig(t, func(c *Config) { c.Workers = 1 })
	c := r.openTLS(1, nil)
	if _, err := c.Conn.Write([]byte("GET /?n=77 HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is not listened to any more", func() (deaf bool) {
		r.onWorker(1, func(w *worker[key], slot uint32) { deaf = w.secures[slot].deaf })
		return deaf
	})
	looks := r.looks.Load()
	for range 100 {
		c.Conn.Write([]byte(strings.Repeat("junk", 100)))
	}
	r.send(1, []byte("heard nothing"))
	c.want("heard nothing")
	if n := r.looks.Load() - looks; n > 20 {
		t.Errorf("the worker woke %d times for what nobody reads", n)
	}
	r.end(1)
	c.wantEnd()
	c.Close()
	r.wantGone(1, Ended)
}

// TestSecureKeyUpdate: a record arrives in pieces, and one asks for new keys while the
// socket is full. The answer goes out after all that was written before, and what is
// written then has the new keys.
func TestSecureKeyUpdate(t *testing.T) {
	for _, full := range []bool{false, true} {
		r := newSecureRig(t, func(c *Config) { c.Workers = 1 })
		c := r.openTLS(1, nil)
		sent := make([]byte, 8<<20)
		if full {
			r.send(1, sent)
			r.wantBlocked(1)
		}
		record := c.keyUpdate()
		for _, piece := range [][]byte{record[:3], record[3:11], record[11:]} {
			if _, err := c.TCPConn.Write(piece); err != nil {
				t.Fatal(err)
			}
			r.onWorker(1, func(*worker[key], uint32) {}) // pieces are apart
		}
		if !full {
			eventually(t, "the answer arrived", func() bool {
				raw, err := c.SyscallConn()
				if err != nil {
					t.Fatal(err)
				}
				return readable(raw)
			})
		}
		r.send(1, []byte("new keys"))
		r.end(1)
		if full {
			c.want(string(sent))
		}
		c.want("new keys")
		c.wantEnd()
		c.Close()
		r.wantGone(1, Ended)
	}
}

// keyUpdate is a client's second record of application data: a KeyUpdate (RFC 8446,
// 4.6.3) that asks for the other side's too.
func (c *secureClient) keyUpdate() []byte {
	c.t.Helper()
	_, line, _ := strings.Cut(c.secrets.String(), "CLIENT_TRAFFIC_SECRET_0 ")
	fields := strings.Fields(line)
	if len(fields) < 2 {
		c.t.Fatal("no TLS 1.3 secret")
	}
	secret, err := hex.DecodeString(fields[1])
	if err != nil {
		c.t.Fatal(err)
	}
	newHash, keySize := func() hash.Hash { return sha256.New() }, 16
	switch suite := c.ConnectionState().CipherSuite; suite {
	case tls.TLS_AES_128_GCM_SHA256:
	case tls.TLS_AES_256_GCM_SHA384:
		newHash, keySize = func() hash.Hash { return sha512.New384() }, 32
	default:
		c.t.Skipf("no AES on this machine: %s", tls.CipherSuiteName(suite))
	}
	expand := func(label string, n int) []byte {
		info := string([]byte{byte(n >> 8), byte(n), byte(len("tls13 " + label))}) + "tls13 " + label + "\x00"
		key, err := hkdf.Expand(newHash, secret, info, n)
		if err != nil {
			c.t.Fatal(err)
		}
		return key
	}
	block, err := aes.NewCipher(expand("key", keySize))
	if err != nil {
		c.t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		c.t.Fatal(err)
	}
	nonce := expand("iv", 12)
	nonce[11] ^= 1                            // its sequence number: the request was number 0
	inner := []byte{24, 0, 0, 1, 1, 22}       // key_update, one byte, update_requested; a handshake record
	size := len(inner) + aead.Overhead()      //
	header := []byte{23, 3, 3, 0, byte(size)} // as every record of TLS 1.3 looks
	return aead.Seal(header, nonce, inner, header)
}

// TestSecureHTTP2: what isn't held is served as if the wire weren't there.
func TestSecureHTTP2(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	s.Listener = Listen(s.Listener)
	s.Config.ConnContext = Mark
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	s.Client().Timeout = 30 * time.Second
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "HTTP/2.0" {
		t.Errorf("answered over %s", body)
	}
}
