package server

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
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

// matches reports whether If-None-Match names a tag. It compares weakly, as RFC 9110 has
// it: a proxy that compresses marks tags as weak.
func matches(header []string, tag string) bool {
	for _, line := range header {
		for one := range strings.SplitSeq(line, ",") {
			one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
			if one == tag || one == "*" {
				return true
			}
		}
	}
	return false
}
