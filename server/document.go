package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
)

// document is a text that never changes while the gateway runs.
type document struct {
	mediaType, tag string
	text           []byte
}

func newDocument(mediaType string, text []byte) document {
	return document{mediaType, `"` + tagOf(text) + `"`, text}
}

// tagOf is short, and another one for another text.
func tagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// ServeHTTP answers GET and HEAD.
func (d *document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache") // another version may follow at any time
	h.Set("ETag", d.tag)
	h.Set("X-Content-Type-Options", "nosniff")
	if matches(r.Header.Values("If-None-Match"), d.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", d.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(d.text)))
	if r.Method != http.MethodHead {
		w.Write(d.text) // a client that is gone has no use for the error
	}
}

// mustJSON is for what can't fail: texts, numbers, times. It escapes no HTML, which none
// of it is.
func mustJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}
