// Package shown hides what an address may have that is a key, before it stands in a log
// line, an error or a page: user, password, query and fragment.
package shown

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// URL is a URL as it may be shown: without user, password, query and fragment. Any of
// them may be a key.
func URL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(no URL)"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

// What a URL in a text may have that is a key: its user and password, and what follows
// its path.
var (
	urlUser  = regexp.MustCompile(`(//|")[^\s"/]*@`)
	urlQuery = regexp.MustCompile(`[?#][^\s"]*`)
)

// shownError is an error whose text may be shown.
type shownError struct {
	text string
	err  error
}

func (e *shownError) Error() string { return e.text }
func (e *shownError) Unwrap() error { return e.err }

// Error is an error of asking a URL as it may be shown. Those of net/http repeat the URL,
// the one that it leads to, and the proxy's. The cause can still be found with errors.As.
func Error(err error) error {
	inner := err
	if asked := (*url.Error)(nil); errors.As(err, &asked) {
		inner = asked.Err
	}
	text := inner.Error()
	if strings.Contains(text, "Location header") { // it is quoted, and its parts are
		return &shownError{"it leads to what is no address", err}
	}
	return &shownError{urlQuery.ReplaceAllString(urlUser.ReplaceAllString(text, "$1"), ""), err}
}
