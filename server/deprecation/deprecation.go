// Package deprecation says which streams are on their way out: in the header fields
// Deprecation (RFC 9745), Sunset (RFC 8594) and Link, and as JSON.
package deprecation

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Stream says of a stream since when it is deprecated, and what comes after it.
type Stream struct {
	Since     time.Time
	Sunset    time.Time // when it goes; zero: that isn't known
	Successor string    // the stream to read instead; "": there is none
}

// Notice is the same in JSON. A moment is a date where it begins one in UTC.
type Notice struct {
	Since     string `json:"since"`
	Sunset    string `json:"sunset,omitempty"`
	Successor string `json:"successor,omitempty"`
}

// Streams has the deprecated streams, by name.
type Streams map[string]Stream

// A Reader reports whether the caller may read a stream. A successor that the caller may
// not read isn't told: asking must not tell which streams there are.
type Reader func(name string) bool

// Notice returns what is said of a stream; nil: it isn't deprecated.
func (s Streams) Notice(name string, mayRead Reader) *Notice {
	d, is := s[name]
	if !is {
		return nil
	}
	return &Notice{moment(d.Since), moment(d.Sunset), s.successor(name, mayRead)}
}

// Says is the notice in words.
func (n *Notice) Says() string {
	text := "Deprecated since " + n.Since + "."
	if n.Sunset != "" {
		text += " It may be gone from " + n.Sunset + " on."
	}
	if n.Successor != "" {
		text += " Read " + n.Successor + " instead."
	}
	return text
}

// Notices returns what is said of those of the streams that are deprecated; nil: none is.
func (s Streams) Notices(names []string, mayRead Reader) (all map[string]*Notice) {
	for _, name := range names {
		if one := s.Notice(name, mayRead); one != nil {
			if all == nil {
				all = make(map[string]*Notice)
			}
			all[name] = one
		}
	}
	return all
}

func (s Streams) successor(name string, mayRead Reader) string {
	if next := s[name].Successor; next != "" && mayRead(next) {
		return next
	}
	return ""
}

// successors are the streams with each one's successor in its place, if it has one.
func (s Streams) successors(names []string, mayRead Reader) (next []string) {
	for _, name := range names {
		if to := s.successor(name, mayRead); to != "" {
			name = to
		}
		if !slices.Contains(next, name) {
			next = append(next, name)
		}
	}
	return next
}

func moment(t time.Time) string {
	t = t.UTC()
	switch {
	case t.IsZero():
		return ""
	case t.Equal(t.Truncate(24 * time.Hour)):
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}

// Fields are the header fields that [Streams.SetHeader] sets.
var Fields = []string{"Deprecation", "Sunset", "Link"}

// maxLink bounds the Link field: proxies have little room for a header.
const maxLink = 1024

// SetHeader says in an answer's header that some of its streams are deprecated. The
// answer is about all of them together. So it is deprecated since the first of them is,
// and what it says begins to go with the first that goes.
//
// The successor is the same request with each stream's successor in its place. A
// reference that is a query alone keeps the path, whatever proxies make of it.
func (s Streams) SetHeader(h http.Header, names []string, mayRead Reader) {
	var since, sunset time.Time
	for _, name := range names {
		if d, is := s[name]; is {
			since, sunset = first(since, d.Since), first(sunset, d.Sunset)
		}
	}
	if since.IsZero() { // as for almost every request
		return
	}
	h.Set("Deprecation", "@"+strconv.FormatInt(since.Unix(), 10)) // a Date of RFC 9651
	if !sunset.IsZero() {
		h.Set("Sunset", sunset.UTC().Format(http.TimeFormat))
	}
	next := s.successors(names, mayRead)
	link := "<?stream=" + strings.Join(next, ",") + `>; rel="successor-version"`
	if !slices.Equal(next, names) && len(link) <= maxLink {
		h.Add("Link", link) // RFC 5829
	}
}

// first is the earlier of two moments, of which either may be unknown.
func first(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
