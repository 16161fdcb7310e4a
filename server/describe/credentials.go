package describe

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"sluice/server/auth"
	"sluice/server/openapi"
)

// schemes are what one kind of asker may show.
type schemes struct {
	ways []map[string][]string // one of these
	all  map[string]openapi.Security
}

func (s *schemes) add(name string, scheme openapi.Security) {
	if s.all == nil {
		s.all = map[string]openapi.Security{}
	}
	s.all[name] = scheme
	s.ways = append(s.ways, map[string][]string{name: {}})
}

// Credentials are what a configuration has callers show.
type Credentials struct {
	Callers    auth.Authenticator
	ForAnyone  bool // some streams are for those without an identity
	APIKeys    bool // back ends have them
	Portal     bool // developers have keys, which are good for some routes of back ends
	Publish    bool // callers may publish, if they have a role
	AdminToken bool // operators have one
	AdminKeys  bool // API keys are good for operators, too
}

// schemes are the ways of this configuration, by who shows them.
func (c Credentials) schemes() map[Asker]schemes {
	var callers, backEnds, operators schemes
	for _, way := range auth.Ways(c.Callers) {
		name := cmp.Or(schemeNames[way.Kind], way.Kind)
		if _, taken := callers.all[name]; taken {
			name += "-" + way.In
		}
		if _, taken := callers.all[name]; taken {
			name += "-" + way.Name
		}
		scheme := openapi.Security{Type: "apiKey", In: way.In, Name: way.Name, Description: kinds[way.Kind]}
		if way.Scheme != "" {
			scheme = openapi.Security{Type: "http", Scheme: strings.ToLower(way.Scheme), Description: kinds[way.Kind]}
			if way.Kind == "jwt" {
				scheme.BearerFormat = "JWT"
			}
		}
		callers.add(name, scheme)
	}
	if c.APIKeys {
		backEnds.add("apiKey", openapi.Security{Type: "http", Scheme: "bearer", Description: "An API key, made by `sluice keys new`. Only back ends have one."})
	}
	if c.Portal {
		backEnds.add(schemeNames["key"], openapi.Security{Type: "http", Scheme: "bearer", Description: kinds["key"]})
	}
	if c.AdminToken {
		operators.add("admin", openapi.Security{Type: "http", Scheme: "bearer", Description: "The admin token."})
		operators.add("adminBasic", openapi.Security{Type: "http", Scheme: "basic", Description: "The admin token as password, with any name."})
	}
	if c.AdminKeys {
		operators.add("adminKey", openapi.Security{Type: "http", Scheme: "bearer", Description: "An API key."})
	}
	publishers := schemes{slices.Clone(backEnds.ways), maps.Clone(backEnds.all)}
	if c.Publish {
		for name, scheme := range callers.all {
			publishers.add(name, scheme)
		}
		slices.SortFunc(publishers.ways, func(a, b map[string][]string) int { return cmp.Compare(wayName(a), wayName(b)) })
	}
	anyone := schemes{append(slices.Clone(callers.ways), map[string][]string{}), callers.all}
	if c.ForAnyone {
		callers.ways = anyone.ways // nothing is enough for what anyone may read
	}
	all := map[Asker]schemes{Anybody: {}, Caller: callers, AnyCaller: anyone, BackEnd: backEnds, Publisher: publishers, Operator: operators}
	for who, one := range all {
		if one.ways == nil {
			one.ways = []map[string][]string{}
			all[who] = one
		}
	}
	return all
}

// wayName is the name of the one scheme of a way.
func wayName(way map[string][]string) string {
	for name := range way {
		return name
	}
	return ""
}

// schemeNames are plain words for kinds of credentials whose name says nothing to those
// who read the description.
var schemeNames = map[string]string{"none": "user", "forward": "appSession", "key": "developerKey"}

// kinds says of each kind of credential where it comes from.
var kinds = map[string]string{
	"none":    "This gateway believes the name in the request. It is for trying out.",
	"jwt":     "A signed token of your login.",
	"authjs":  "The session cookie that Auth.js (or NextAuth) set. Browsers send it by themselves. A long one comes in chunks, NAME.0, NAME.1 and so on.",
	"forward": "The session of the app, in whatever form. The gateway asks the app who it belongs to.",
	"key":     "A key that a developer made in the portal of the gateway.",
	"ticket":  "A ticket that the page's back end obtained by `POST /tickets`.",
}
