package config

// authKeys say who is asking.
var authKeys = []Key{
	{"auth", "", []string{"none"}, "Required: `none`, or a mapping of the keys below. `none` believes `?user=` and is for trying out.",
		func(c *Config, _ *Stream) any { return &c.Auth.None }},

	{"auth.jwt.jwks_url", "", nil, "URL where the issuer publishes its keys (RFC 7517). They are fetched when needed, and kept when the issuer is down. `auth.jwt` may be a [list of issuers](#who-is-asking).",
		func(c *Config, _ *Stream) any { return &c.jwt().JWKSURL }},
	{"auth.jwt.jwks_file", "", nil, "File with such keys, instead of the URL. [Read again](#rotation) when it changes.",
		func(c *Config, _ *Stream) any { return (*path)(&c.jwt().jwksFile) }},
	{"auth.jwt.public_key_file", "", nil, "One public key (PEM) of RS256, ES256, ES384, ES512 or EdDSA tokens, instead of a key set. The key's kind says which algorithm is believed. [Read again](#rotation) when it changes.",
		func(c *Config, _ *Stream) any { return (*path)(&c.jwt().publicKeyFile) }},
	{"auth.jwt.secret", "", nil, "Key of HS256 tokens, at least 32 bytes, instead of a public one.",
		func(c *Config, _ *Stream) any { return &c.jwt().secret }},
	{"auth.jwt.secret_file", "", nil, "File that holds the secret. [Read again](#rotation) when it changes.",
		func(c *Config, _ *Stream) any { return secretFile{&c.jwt().secret} }},
	{"auth.jwt.issuer", "", nil, "The `iss` a token must have. Absent: any.",
		func(c *Config, _ *Stream) any { return &c.jwt().Issuer }},
	{"auth.jwt.audience", "", nil, "The `aud` a token must have. Absent: any.",
		func(c *Config, _ *Stream) any { return &c.jwt().Audience }},
	{"auth.jwt.user_claim", "sub", nil, "The claim that is the user: a name, or a path such as `user.id`.",
		func(c *Config, _ *Stream) any { return &c.jwt().UserClaim }},
	{"auth.jwt.user_prefix", "", nil, "Text put before the user. Required with several issuers: their users of one name are different people.",
		func(c *Config, _ *Stream) any { return &c.jwt().UserPrefix }},
	{"auth.jwt.roles_claim", "roles", nil, "The claim with the roles that `access` goes by: a list, or words in a text. `scope` and `scp` count too.",
		func(c *Config, _ *Stream) any { return &c.jwt().RolesClaim }},
	{"auth.jwt.streams_claim", "", nil, "Claim that lists the only streams a token may read. It counts for tokens that have it.",
		func(c *Config, _ *Stream) any { return &c.jwt().StreamsClaim }},
	{"auth.jwt.from", "header", nil, "Where the token is, in the order to look: `header` (`Authorization: Bearer`), `cookie:NAME`, `query:NAME` (URLs are kept in logs: short-lived tokens only).",
		func(c *Config, _ *Stream) any { return &c.jwt().fromTexts }},
	{"auth.jwt.leeway", "5s", nil, "How far the issuer's clock may be off.",
		func(c *Config, _ *Stream) any { return &c.jwt().Leeway }},
	{"auth.jwt.require_exp", "false", nil, "Whether a token must say when it expires (`exp`). `false`: a token without it is good for ever, and so is its stream. `check` warns of that.",
		func(c *Config, _ *Stream) any { return &c.jwt().RequireExp }},

	{"auth.authjs.secret", "", nil, "The app's `AUTH_SECRET` (`NEXTAUTH_SECRET`): its encrypted session cookies are opened with it. Auth.js v5 and NextAuth v4.",
		func(c *Config, _ *Stream) any { return &c.authJS().Secret }},
	{"auth.authjs.secret_file", "", nil, "File that holds the secret. [Read again](#rotation) when it changes.",
		func(c *Config, _ *Stream) any { return secretFile{&c.authJS().Secret} }},
	{"auth.authjs.user", "sub", nil, "The claim of the session that is the user.",
		func(c *Config, _ *Stream) any { return &c.authJS().User }},
	{"auth.authjs.roles_claim", "roles", nil, "The claim of the session that has the roles.",
		func(c *Config, _ *Stream) any { return &c.authJS().Roles }},

	{"auth.forward.url", "", nil, "URL where the app says who is asking. The gateway sends it the caller's `Cookie` and `Authorization`. The app answers 2xx with the user, or 401.",
		func(c *Config, _ *Stream) any { return &c.forward().URL }},
	{"auth.forward.user", "id", nil, "Where the user is in the app's answer: a path in JSON, or `header:NAME`. Roles are in `roles`.",
		func(c *Config, _ *Stream) any { return &c.forward().User }},
	{"auth.forward.issued", "iat", nil, "Where the app's answer says since when the session lasts, in seconds since 1970 or as RFC 3339. It is written as `user` is. Without it a revoked user is refused until the revocation ends, also after a new login.",
		func(c *Config, _ *Stream) any { return &c.forward().Issued }},
	{"auth.forward.cache", "30s", nil, "How long an answer holds. Then the app is asked again, for open streams too: they end when their session has.",
		func(c *Config, _ *Stream) any { return &c.forward().Cache }},
	{"auth.forward.stale_ok", "5m", nil, "How much longer open streams stay while the app doesn't answer. New ones wait.",
		func(c *Config, _ *Stream) any { return &c.forward().StaleOK }},

	{"auth.tickets.secret", "", nil, "Key of the tickets that `POST /tickets` gives out, at least 32 bytes, the same for all gateways.",
		func(c *Config, _ *Stream) any { return &c.tickets().Secret }},
	{"auth.tickets.secret_file", "", nil, "File that holds the secret. [Read again](#rotation) when it changes.",
		func(c *Config, _ *Stream) any { return secretFile{&c.tickets().Secret} }},
	{"auth.tickets.ttl", "60s", nil, "How long a ticket lasts if the back end asks for no `ttl`. At most 24h.",
		func(c *Config, _ *Stream) any { return &c.tickets().TTL }},

	{"auth.api_keys_file", "", nil, "File with the keys of back ends, for `POST /tickets`, `POST /revoke` and [`POST /publish`](publishing.md): [a line each](#api-keys), made by `sluice keys new NAME`.",
		func(c *Config, _ *Stream) any { return (*path)(&c.Auth.apiKeysFile) }},
}

// The sections of Auth are made when the first key of one turns up.

func (c *Config) jwt() *JWT {
	if len(c.Auth.JWT) == 0 {
		c.Auth.JWT = []*JWT{{}}
	}
	return c.Auth.JWT[0]
}

func (c *Config) authJS() *AuthJS {
	if c.Auth.AuthJS == nil {
		c.Auth.AuthJS = &AuthJS{}
	}
	return c.Auth.AuthJS
}

func (c *Config) forward() *Forward {
	if c.Auth.Forward == nil {
		c.Auth.Forward = &Forward{}
	}
	return c.Auth.Forward
}

func (c *Config) tickets() *Tickets {
	if c.Auth.Tickets == nil {
		c.Auth.Tickets = &Tickets{}
	}
	return c.Auth.Tickets
}
