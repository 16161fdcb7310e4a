package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"
)

// Handshake is what a request to open a WebSocket says.
type Handshake struct {
	Key       string   // for Accept
	Protocols []string // subprotocols, in the order of the client's preference
}

// Version is the only version there is, for the header Sec-WebSocket-Version.
const Version = "13"

// Check reads a handshake (section 4.2.1). It is false for a request that isn't one, or
// is one of another version.
func Check(r *http.Request) (Handshake, bool) {
	key := r.Header.Get("Sec-WebSocket-Key")
	nonce, err := base64.StdEncoding.DecodeString(key)
	if r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1 || err != nil || len(nonce) != 16 ||
		!has(r.Header.Values("Upgrade"), "websocket") || !has(r.Header.Values("Connection"), "upgrade") ||
		r.Header.Get("Sec-WebSocket-Version") != Version {
		return Handshake{}, false
	}
	return Handshake{Key: key, Protocols: tokens(r.Header.Values("Sec-WebSocket-Protocol"))}, true
}

// Accept is the value of Sec-WebSocket-Accept for a key.
func Accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func has(values []string, token string) bool {
	for _, t := range tokens(values) {
		if strings.EqualFold(t, token) {
			return true
		}
	}
	return false
}

// tokens are the items of a header's list.
func tokens(values []string) (all []string) {
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				all = append(all, item)
			}
		}
	}
	return all
}
