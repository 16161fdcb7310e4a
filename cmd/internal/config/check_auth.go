package config

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"sluice/broker/reread"
	"sluice/server/auth"
)

const errNoAuth = `is missing, and sluice does not guess who is asking. Write one of
    auth: {jwt: {jwks_url: "https://login.example/.well-known/jwks.json"}}   # tokens of your login
    auth: {jwt: {secret_file: jwt.key, from: [header, "cookie:session"]}}   # tokens signed with a shared key (HS256)
    auth: {authjs: {secret_file: auth_secret}}                 # session cookies of Auth.js or NextAuth
    auth: {forward: {url: "http://localhost:3000/api/whoami"}} # the app says who it is, by its own session
    auth: none                                                 # anyone is whoever ?user= says: for trying out only`

func (l *loader) checkAuth() {
	a := &l.config.Auth
	if l.broken["auth"] {
		return
	}
	l.checkAPIKeys(a)
	if a.None {
		for _, way := range []string{"jwt", "authjs", "forward", "tickets"} {
			if l.has("auth." + way) {
				l.fault("auth", fmt.Sprintf("is none here, but auth.%s is given too (%s): remove one of them", way, l.lineUnder("auth."+way+".")))
			}
		}
		if !loopback(l.config.Listen) {
			l.warn("auth", "none lets anyone who reaches "+l.config.Listen+" read any user's events: for trying out only, or listen on 127.0.0.1")
		}
		return
	}
	if len(a.JWT) == 0 && a.AuthJS == nil && a.Forward == nil && a.Tickets == nil {
		if !l.misunderstood("auth") {
			l.fault("auth", errNoAuth)
		}
		return
	}
	l.checkIssuers(a.JWT)
	if a.AuthJS != nil {
		l.checkAuthJS(a.AuthJS)
	}
	if a.Forward != nil {
		l.checkForward(a.Forward)
	}
	if a.Tickets != nil {
		l.checkTickets(a.Tickets)
	}
}

// lineUnder says where the first key below prefix was written.
func (l *loader) lineUnder(prefix string) sourceLine {
	for _, k := range table {
		if v, ok := l.given[k.Path]; ok && strings.HasPrefix(k.Path, prefix) {
			return v.sourceLine
		}
	}
	return l.config.sourceLines[""]
}

func (l *loader) checkIssuers(all []*JWT) {
	if l.issuers() == 0 {
		for _, j := range all {
			l.checkJWT(j, issuers)
		}
		return
	}
	for _, k := range table {
		if v, ok := l.given[k.Path]; ok && strings.HasPrefix(k.Path, issuers+".") {
			l.fault(issuers, fmt.Sprintf("is a list, but %s is given beside it (%s): put it into the list", k.Path, v.sourceLine))
			return
		}
	}
	for i, j := range all {
		l.checkJWT(j, issuer(i))
	}
	if len(all) > 1 {
		l.checkPrefixes(all)
	}
}

// checkPrefixes sees to it that no two issuers can name one user: "a" and "ab" would, by
// "bc" and "c".
func (l *loader) checkPrefixes(all []*JWT) {
	for i, j := range all {
		key := issuer(i) + ".user_prefix"
		if j.UserPrefix == "" {
			l.fault(key, "is missing: with several issuers each needs one, since their users of one name are different people")
			continue
		}
		for n, other := range all {
			if n != i && other.UserPrefix != "" && strings.HasPrefix(j.UserPrefix, other.UserPrefix) && (n < i || j.UserPrefix != other.UserPrefix) {
				l.fault(key, fmt.Sprintf("%q begins with that of %s: two people could be one user", j.UserPrefix, issuer(n)))
			}
		}
	}
}

func (l *loader) checkJWT(j *JWT, at string) {
	l.jwtKeys(j, at)
	if j.UserClaim == "" {
		l.fault(at+".user_claim", "is empty: write the claim that is the user, such as sub")
	}
	l.jwtFrom(j, at+".from")
	if key := at + ".require_exp"; !j.RequireExp && !l.broken[key] {
		l.warn(key, "is false: a token without exp is good for ever, and so is its stream: write true")
	}
}

// jwtKeys finds the one way in which tokens are verified.
func (l *loader) jwtKeys(j *JWT, at string) {
	ways := []string{at + ".secret", at + ".secret_file", at + ".public_key_file", at + ".jwks_file", at + ".jwks_url"}
	var way string
	for _, w := range ways {
		v, ok := l.given[w]
		switch {
		case l.broken[w]:
			return
		case ok && way != "":
			l.fault(w, fmt.Sprintf("%s is given too (%s): write one of them", way, l.given[way].sourceLine))
			return
		case ok && v.text != "":
			way = w
		}
	}
	var err error
	switch strings.TrimPrefix(way, at+".") {
	case "":
		l.fault(at, "has no key: write jwks_url, jwks_file or public_key_file (RS256, ES256, EdDSA), or secret_file (HS256)")
	case "secret":
		j.Keys, err = auth.SecretKey([]byte(j.secret.Reveal()))
	case "secret_file":
		err = j.readKeys(way, j.secret.file, func(text []byte) (auth.Keys, error) {
			secret, err := reread.Text(j.keysFile, text)
			if err != nil {
				return nil, err
			}
			return auth.SecretKey([]byte(secret))
		})
	case "public_key_file":
		err = j.readKeys(way, j.publicKeyFile, named(j.publicKeyFile, auth.PublicKey))
	case "jwks_file":
		err = j.readKeys(way, j.jwksFile, named(j.jwksFile, auth.ParseKeySet))
	case "jwks_url":
		l.httpAddress(way, j.JWKSURL, "is fetched without TLS, so a machine in between can pass for any user: write https")
	}
	j.secret = Secret{} // the key has it now
	if err != nil {
		l.fault(way, err.Error())
	}
}

// readKeys reads a file of keys, and remembers how to read it again.
func (j *JWT) readKeys(key, name string, parse func([]byte) (auth.Keys, error)) error {
	j.keysKey, j.keysFile, j.parseKeys = key, name, parse
	text, err := os.ReadFile(name)
	if err != nil {
		return unreadable(err)
	}
	j.Keys, err = parse(text)
	return err
}

// named lets a parser's errors say which file they are about.
func named[K auth.Keys](name string, parse func([]byte) (K, error)) func([]byte) (auth.Keys, error) {
	return func(text []byte) (auth.Keys, error) {
		keys, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return keys, nil
	}
}

// jwtFrom checks where tokens are looked for.
func (l *loader) jwtFrom(j *JWT, key string) {
	for _, from := range j.fromTexts {
		source, err := auth.ParseCredentialSource(from)
		switch {
		case err != nil:
			l.fault(key, err.Error())
		case slices.Contains(j.From, source):
			l.fault(key, fmt.Sprintf("has %s twice", from))
		case source.InQuery():
			l.warn(key, from+" takes tokens from URLs, which logs and histories keep: let such tokens be short-lived")
			fallthrough
		default:
			j.From = append(j.From, source)
		}
	}
	if len(j.fromTexts) == 0 {
		l.fault(key, "is empty: write header, cookie:NAME or query:NAME")
	}
}

func (l *loader) checkAuthJS(a *AuthJS) {
	const key = "auth.authjs.secret"
	if !a.Secret.IsSet() && !l.broken[key] && !l.broken[key+"_file"] {
		l.fault(key+"_file", "is missing: write the file with the app's AUTH_SECRET (NEXTAUTH_SECRET)")
	}
	if a.User == "" {
		l.fault("auth.authjs.user", "is empty: write the claim that is the user, such as sub")
	}
}

func (l *loader) checkForward(f *Forward) {
	if f.URL == "" {
		l.fault("auth.forward.url", "is missing: write where the app says who is asking")
	} else {
		l.httpAddress("auth.forward.url", f.URL, "is asked without TLS: callers' cookies and tokens go there in the clear; write https")
	}
	if f.User == "" || f.User == "header:" {
		l.fault("auth.forward.user", "is empty: write where the user is in the app's answer, such as id or header:X-User")
	}
	l.positive("auth.forward.cache", f.Cache)
}

func (l *loader) checkTickets(t *Tickets) {
	key := "auth.tickets.secret"
	if _, ok := l.given[key+"_file"]; ok {
		key += "_file"
	}
	l.positive("auth.tickets.ttl", t.TTL)
	if l.broken[key] {
		return
	}
	if !t.Secret.IsSet() {
		l.fault("auth.tickets.secret_file", "is missing: make one with openssl rand -base64 32 > tickets.key")
		return
	}
	if _, err := auth.NewTickets([]byte(t.Secret.Reveal()), 0); err != nil {
		l.fault(key, err.Error())
	} else if t.TTL > auth.MaxTicketTTL {
		l.fault("auth.tickets.ttl", fmt.Sprintf("%v is too long: write at most %v", t.TTL, auth.MaxTicketTTL))
	}
	if l.config.Auth.apiKeysFile == "" && !l.has("portal") {
		l.fault("auth.tickets", "nobody could ask for one: write auth.api_keys_file too, with a key of sluice keys new")
	}
}

// checkAPIKeys reads the keys of back ends: a mapping of names to hashes.
func (l *loader) checkAPIKeys(a *Auth) {
	const key = "auth.api_keys_file"
	if a.apiKeysFile == "" {
		return
	}
	text, err := os.ReadFile(a.apiKeysFile)
	if err != nil {
		l.fault(key, unreadable(err).Error())
		return
	}
	all, faults := ParseAPIKeys(a.apiKeysFile, text)
	for _, fault := range faults {
		l.fault(key, fault)
	}
	if a.APIKeys = all; len(all) == 0 && len(faults) == 0 {
		l.fault(key, a.apiKeysFile+" has no keys: make one with sluice keys new NAME")
	}
}
