package config

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"sluice/server/auth"
)

const errNoAuth = `is missing, and sluice does not guess who is asking. Write one of
    auth: {jwt: {secret_file: jwt.key}}             # a token signed with a shared key (HS256)
    auth: {jwt: {public_key_file: login.pem}}       # a token signed by your login (RS256, ES256, EdDSA)
    auth: none                                      # anyone is whoever ?user= says: for trying out only`

func (l *loader) checkAuth() {
	a := &l.config.Auth
	if l.broken["auth"] {
		return
	}
	switch {
	case a.None && a.JWT != nil:
		l.fault("auth", fmt.Sprintf("is none here, but auth.jwt is given too (%s): remove one of them", l.under("auth.jwt.")))
	case a.None:
		if !loopback(l.config.Listen) {
			l.warn("auth", "none lets anyone who reaches "+l.config.Listen+" read any user's events: for trying out only, or listen on 127.0.0.1")
		}
	case a.JWT == nil:
		l.fault("auth", errNoAuth)
	default:
		l.checkJWT(a.JWT)
	}
}

// under says where the first key below prefix was written.
func (l *loader) under(prefix string) place {
	for _, k := range keys {
		if v, ok := l.given[k.Path]; ok && strings.HasPrefix(k.Path, prefix) {
			return v.place
		}
	}
	return l.config.places[""]
}

func (l *loader) checkJWT(j *JWT) {
	l.jwtKey(j)
	if j.UserClaim == "" {
		l.fault("auth.jwt.user_claim", "is empty: write the claim that is the user, such as sub")
	}
	l.jwtFrom(j)
}

// jwtKey finds the one key that tokens are verified with.
func (l *loader) jwtKey(j *JWT) {
	const secret, secretFile, public = "auth.jwt.secret", "auth.jwt.secret_file", "auth.jwt.public_key_file"
	secretKey := secret
	if _, ok := l.given[secretFile]; ok {
		secretKey = secretFile
	}
	var err error
	switch {
	case l.broken[secret] || l.broken[secretFile]:
	case j.secret.IsSet() && j.publicKeyFile != "":
		l.fault(public, fmt.Sprintf("%s is given too (%s): a token is either signed with a shared secret or by a key pair, so write one of them", secretKey, l.given[secretKey].place))
	case j.secret.IsSet():
		if j.Key, err = auth.SecretKey([]byte(j.secret.Reveal())); err != nil {
			l.fault(secretKey, err.Error())
		}
		j.secret = Secret{} // the key has it now
	case j.publicKeyFile != "":
		text, err := os.ReadFile(j.publicKeyFile)
		if err != nil {
			l.fault(public, unreadable(err).Error())
		} else if j.Key, err = auth.PublicKey(text); err != nil {
			l.fault(public, j.publicKeyFile+": "+err.Error())
		}
	default:
		l.fault("auth.jwt", "has no key: write secret_file (HS256) or public_key_file (RS256, ES256, EdDSA)")
	}
}

// jwtFrom checks where tokens are looked for: the header, and after it a cookie if wanted.
func (l *loader) jwtFrom(j *JWT) {
	const key = "auth.jwt.from"
	for _, from := range j.From {
		name, isCookie := strings.CutPrefix(from, FromCookie)
		switch {
		case from == FromHeader:
		case isCookie && (&http.Cookie{Name: name, Value: "x"}).Valid() != nil:
			l.fault(key, fmt.Sprintf("%q can't name a cookie", name))
		case !isCookie:
			l.fault(key, fmt.Sprintf("%q is unknown: write header, or cookie:NAME", from))
		}
	}
	if len(j.From) == 0 || j.From[0] != FromHeader || len(j.From) > 2 || slices.Contains(j.From[1:], FromHeader) {
		l.fault(key, "must be [header], or [header, cookie:NAME]")
	}
}

// Cookie is the cookie a token may be in, or "".
func (j *JWT) Cookie() string {
	for _, from := range j.From {
		if name, ok := strings.CutPrefix(from, FromCookie); ok {
			return name
		}
	}
	return ""
}

func (l *loader) checkCORS() {
	c := l.config.CORS
	for _, o := range c.Origins {
		if o == "*" {
			if c.Credentials {
				l.fault("cors.origins", "* with credentials would let every site read its visitors' events: name the origins")
			}
			continue
		}
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || o != u.Scheme+"://"+u.Host {
			l.fault("cors.origins", fmt.Sprintf("%q is no origin: write scheme://host or scheme://host:port, with nothing after it", o))
		}
	}
	if c.Credentials && len(c.Origins) == 0 {
		l.fault("cors.credentials", "does nothing without cors.origins: name the pages' origins")
	}
}
