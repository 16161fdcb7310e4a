package auth

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/shown"
)

// ask asks the app, unless it has been left without an answer just now.
func (f *Forward) ask(c credentials) (Principal, error) {
	if f.rests() {
		return Principal{}, fmt.Errorf("%w: the app does not answer", ErrUnavailable)
	}
	r, err := http.NewRequestWithContext(f.ctx, http.MethodGet, f.cfg.URL, nil)
	if err != nil {
		return Principal{}, shown.Error(err)
	}
	r.Header = http.Header{"Cookie": c.cookie, "Authorization": c.authorization, "Accept": {"application/json"}, "User-Agent": {"sluice"}}
	resp, err := f.client.Do(r)
	if err != nil {
		err = shown.Error(err)
	}
	f.answered(err)
	if err != nil {
		return Principal{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	return f.read(resp)
}

// read makes out what an answer says.
func (f *Forward) read(resp *http.Response) (Principal, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Principal{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch status := resp.StatusCode; {
	case status/100 == 3, status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Principal{}, forwardRefused(ReasonSession, "The session is not known, or over.")
	case status/100 != 2:
		f.warn(status)
		return Principal{}, fmt.Errorf("%w: the app answers %d", ErrUnavailable, status)
	case len(body) > maxAnswer:
		return Principal{}, fmt.Errorf("%w: the app's answer is longer than %d bytes", ErrUnavailable, maxAnswer)
	}
	var p Principal
	ok := false
	if name, inHeader := strings.CutPrefix(f.cfg.User, headerPrefix); inHeader {
		p.User = resp.Header.Get(name)
		ok = p.User != "" && len(p.User) <= MaxUser && utf8.ValidString(p.User)
	} else {
		p.User, ok = text(claim(body, f.cfg.User))
	}
	if !ok {
		return Principal{}, forwardRefused(ReasonSession, "The session is not known, or over.")
	}
	p.Roles, _ = words(claim(body, defaultRolesClaim))
	p.Issued = issued(f.cfg.Issued, resp.Header, body)
	return p, nil
}

// issued returns since when a session lasts, as the app says it: in seconds since 1970,
// as a JWT's iat (RFC 7519, section 2), or as an RFC 3339 time. The zero time: it doesn't
// say. Then the session counts as older than any revocation. When it was first seen says
// nothing: one more cookie makes it look new.
func issued(source string, header http.Header, body []byte) time.Time {
	var said string
	if name, inHeader := strings.CutPrefix(source, headerPrefix); inHeader {
		said = header.Get(name)
	} else {
		said, _ = text(claim(body, source))
	}
	at, err := time.Parse(time.RFC3339, said)
	if err != nil {
		seconds, err := strconv.ParseFloat(said, 64)
		if err != nil || !(seconds > 0 && seconds < math.MaxInt32*1e3) { // NaN is neither
			return time.Time{}
		}
		at = time.UnixMilli(int64(seconds * 1e3))
	}
	if at.After(time.Now().Add(maxIssuedAhead)) {
		return time.Time{} // or no revocation would reach it
	}
	return at
}

// warn says once a minute that answers mean nothing: it is the app's fault, or the
// configuration's, and any caller can bring it on.
func (f *Forward) warn(status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.warned) >= time.Minute {
		f.warned = now
		f.cfg.Logger.Warn("the app's answer to who is asking is neither yes nor no: the caller waits", "url", shown.URL(f.cfg.URL), "status", status)
	}
}

// rests reports whether the app is left alone now.
func (f *Forward) rests() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Before(f.resting)
}

// answered takes note of whether the app answered at all. Only that counts: an answer
// that some caller's credentials spoil must not cost the others theirs.
func (f *Forward) answered(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ctx.Err() != nil:
	case err == nil:
		if f.failures >= appFailures {
			f.cfg.Logger.Info("the app answers again who is asking", "url", shown.URL(f.cfg.URL))
		}
		f.failures = 0
	default:
		if f.failures++; f.failures == appFailures {
			f.cfg.Logger.Warn("the app can't be asked who is asking: open streams stay for stale_ok, new ones wait", "url", shown.URL(f.cfg.URL), "error", err)
		}
		if f.failures >= appFailures {
			f.resting = time.Now().Add(appRest)
		}
	}
}
