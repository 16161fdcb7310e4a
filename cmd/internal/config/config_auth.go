package config

import (
	"time"

	"sluice/server/auth"
)

// Auth says how a request's user is known: either None, or by the sources that are there.
type Auth struct {
	None    bool   // written out as `auth: none`: ?user= is believed
	JWT     []*JWT // one for each issuer
	AuthJS  *AuthJS
	Forward *Forward
	Tickets *Tickets
	APIKeys auth.APIKeys // of back ends

	apiKeysFile string
}

// JWT says which tokens of an issuer are believed.
type JWT struct {
	Keys         auth.Keys // by a secret or a file; nil with JWKSURL. A key's kind fixes the algorithm
	JWKSURL      string    // where the issuer publishes its keys
	Issuer       string    // the iss demanded; "" any
	Audience     string    // the aud demanded; "" any
	UserClaim    string
	RolesClaim   string
	StreamsClaim string // "" none
	UserPrefix   string
	Leeway       time.Duration
	RequireExp   bool
	From         []auth.CredentialSource // where a token is looked for, in order

	keysKey   string // which key of the configuration keysFile is from
	keysFile  string // where Keys were read, to be read again; "" they were written out, or are fetched
	parseKeys func([]byte) (auth.Keys, error)

	fromTexts     []string
	secret        Secret
	publicKeyFile string
	jwksFile      string
}

// AuthJS says which session cookies of Auth.js are believed.
type AuthJS struct {
	Secret Secret
	User   string // a claim
	Roles  string // a claim
}

// Forward says where the app tells who is asking.
type Forward struct {
	URL     string
	User    string
	Issued  string // where the answer says since when the session lasts
	Cache   time.Duration
	StaleOK time.Duration
}

// Tickets says how tickets are sealed.
type Tickets struct {
	Secret Secret
	TTL    time.Duration
}
