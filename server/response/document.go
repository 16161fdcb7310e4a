package response

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// Document is a text that never changes while the gateway runs.
type Document struct {
	mediaType, tag string
	Text           []byte
}

// NewDocument returns the document of a text.
func NewDocument(mediaType string, text []byte) Document {
	return Document{mediaType, `"` + Tag(text) + `"`, text}
}

// Tag is short, and another one for another text.
func Tag(text []byte) string {
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// ServeHTTP answers GET and HEAD.
func (d *Document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache") // another version may follow at any time
	h.Set("ETag", d.tag)
	h.Set("X-Content-Type-Options", "nosniff")
	if TagMatches(r.Header.Values("If-None-Match"), d.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", d.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(d.Text)))
	if r.Method != http.MethodHead {
		w.Write(d.Text) // a client that is gone has no use for the error
	}
}

// TagMatches reports whether If-None-Match names a tag. It compares weakly, as RFC 9110
// has it: a proxy that compresses marks tags as weak.
func TagMatches(header []string, tag string) bool {
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
