package auth

import (
	"slices"
	"strings"
)

// Way is how a request may say who is asking, for descriptions of the gateway: where a
// credential goes, never which would be accepted.
type Way struct {
	Kind   string `json:"kind"`             // none, jwt, authjs, forward, ticket
	In     string `json:"in"`               // header, cookie, query
	Name   string `json:"name"`             // of the header, cookie or parameter
	Scheme string `json:"scheme,omitempty"` // in an Authorization header
}

// The values of Way.In.
const (
	InHeader = "header"
	InCookie = "cookie"
	InQuery  = "query"
)

// Ways returns the ways in which an authenticator is shown who is asking, in the order in
// which they are tried. One that doesn't say has none.
func Ways(a Authenticator) []Way {
	if says, ok := a.(interface{ ways() []Way }); ok {
		return says.ways()
	}
	return nil
}

// Where says in words where an authenticator looks for a credential: "Authorization:
// Bearer or the cookie session". It is "" for one that doesn't say.
func Where(a Authenticator) string {
	var all []string
	for _, w := range Ways(a) {
		text := "?" + w.Name + "="
		switch {
		case w.Kind == "none":
			continue // its refusal says it
		case w.Kind == "authjs":
			text = "a session cookie of Auth.js"
		case w.In == InHeader:
			text = strings.TrimSuffix(w.Name+": "+w.Scheme, ": ")
		case w.In == InCookie:
			text = "the cookie " + w.Name
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if n := len(all); n > 1 {
		return strings.Join(all[:n-1], ", ") + " or " + all[n-1]
	}
	return strings.Join(all, "")
}

func (None) ways() []Way { return []Way{{Kind: "none", In: InQuery, Name: "user"}} }

func (f First) ways() (all []Way) {
	for _, source := range f {
		all = append(all, Ways(source)...)
	}
	return all
}

func (s Issuers) ways() (all []Way) {
	for _, j := range s {
		for _, w := range j.ways() {
			if !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
	}
	return all
}

func (j *JWT) ways() []Way {
	all := make([]Way, len(j.cfg.From))
	for i, source := range j.cfg.From {
		switch source.kind {
		case headerSource:
			all[i] = Way{Kind: "jwt", In: InHeader, Name: "Authorization", Scheme: "Bearer"}
		case cookieSource:
			all[i] = Way{Kind: "jwt", In: InCookie, Name: source.name}
		case querySource:
			all[i] = Way{Kind: "jwt", In: InQuery, Name: source.name}
		}
	}
	return all
}

func (a *AuthJS) ways() []Way {
	all := make([]Way, len(a.cookies))
	for i, cookie := range a.cookies {
		all[i] = Way{Kind: "authjs", In: InCookie, Name: cookie.name}
	}
	return all
}

// ways are the headers that the app is sent: its login is whatever it is.
func (*Forward) ways() []Way {
	return []Way{{Kind: "forward", In: InHeader, Name: "Cookie"}, {Kind: "forward", In: InHeader, Name: "Authorization"}}
}

func (*Tickets) ways() []Way { return []Way{{Kind: "ticket", In: InQuery, Name: "ticket"}} }
