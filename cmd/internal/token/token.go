// Package token is `sluice token`: it makes a token to try a gateway with, as the login
// would.
package token

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/config"
	"sluice/server/auth"
)

const usage = `Usage: sluice token --user NAME [-c FILE] [--role ROLE ...] [--ttl 1h]

Makes a JWT for a user, signed with the secret of auth.jwt, and prints it. It is for
trying a gateway: in production your login makes the tokens. Stderr says how to use it.

Example:
  curl -N -H "Authorization: Bearer $(sluice token --user alice)" http://localhost:8080/events

Flags:
`

// maxTTL bounds how long a token for trying is good.
const maxTTL = 30 * 24 * time.Hour

// Run is the command. It returns the exit status: 0, 1 if the configuration has no secret
// to sign with, 2 for a bad command line or configuration.
func Run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice token", flag.ContinueOnError)
	file := flags.String("c", "", "the configuration `file` (default "+config.DefaultFile+")")
	user := flags.String("user", "", "whom the token is for: the `NAME` that records have")
	ttl := flags.Duration("ttl", time.Hour, "how long it is good, a `duration` up to 720h")
	issuer := flags.String("issuer", "", "with several issuers: the `ISS` to sign for")
	var roles []string
	flags.Func("role", "a `ROLE` of the user, repeatable", func(role string) error {
		roles = append(roles, role)
		return nil
	})
	words, err := cmdline.Words(flags, args, usage, stdout)
	if err == nil {
		err = cmp.Or(cmdline.TooMany(words, 0), check(*user, *ttl))
	}
	if err != nil {
		return cmdline.Status(flags, err, stderr)
	}

	c, findings := config.Load(*file, os.Environ())
	if faults := findings.Faults(); len(faults) > 0 {
		fmt.Fprintln(stderr, faults)
		return 2
	}
	token, from, err := sign(c.Auth, *issuer, *user, roles, time.Now(), *ttl)
	if err != nil {
		fmt.Fprintf(stderr, "sluice token: %v\n", err)
		return 1
	}
	fmt.Fprintf(stderr, "A token of %s, good for %v.%s\n", *user, *ttl, howTo(from, c))
	fmt.Fprintln(stdout, token) // alone, so that it can be taken by $(sluice token …)
	return 0
}

func check(user string, ttl time.Duration) error {
	switch {
	case user == "":
		return errors.New("it needs --user NAME: whom the token is for")
	case len(user) > auth.MaxUser:
		return fmt.Errorf("--user has %d bytes: a user has at most %d", len(user), auth.MaxUser)
	case ttl < time.Second || ttl > maxTTL:
		return fmt.Errorf("--ttl %v: write from 1s to %v", ttl, maxTTL)
	}
	return nil
}

// sign makes a token that the configuration's issuer would be believed to have made, and
// says where the gateway looks for it.
func sign(a config.Auth, issuer, user string, roles []string, now time.Time, ttl time.Duration) (string, []auth.CredentialSource, error) {
	j, err := choose(a, issuer)
	if err != nil {
		return "", nil, err
	}
	user, ok := strings.CutPrefix(user, j.UserPrefix)
	if !ok {
		return "", nil, fmt.Errorf("users of this issuer begin with %q (auth.jwt.user_prefix): write --user %s%s", j.UserPrefix, j.UserPrefix, user)
	}
	claims := map[string]any{"iat": now.Unix(), "exp": now.Add(ttl).Unix(), j.UserClaim: user}
	if j.Issuer != "" {
		claims["iss"] = j.Issuer
	}
	if j.Audience != "" {
		claims["aud"] = j.Audience
	}
	if len(roles) > 0 {
		claims[j.RolesClaim] = roles
	}
	token, err := auth.SignToken(j.Keys, claims)
	if errors.Is(err, auth.ErrVerifiesOnly) {
		err = errors.New("auth.jwt has no secret or secret_file: its key only verifies, so ask your login for a token")
	}
	return token, j.From, err
}

// choose finds the issuer that a token can be made for.
func choose(a config.Auth, issuer string) (*config.JWT, error) {
	switch {
	case a.None:
		return nil, errors.New("auth is none here, so no token is needed: add ?user=NAME to the URL")
	case len(a.JWT) == 0:
		return nil, errors.New("the configuration takes no tokens: auth.jwt with a secret_file is missing")
	}
	var names []string
	for _, j := range a.JWT {
		if j.Issuer == issuer || issuer == "" && len(a.JWT) == 1 {
			return j, nil
		}
		names = append(names, j.Issuer)
	}
	return nil, fmt.Errorf("there are several issuers: write --issuer with one of %s", strings.Join(names, ", "))
}

// howTo says how a browser and curl hand a token over.
func howTo(from []auth.CredentialSource, c *config.Config) string {
	var text strings.Builder
	base := baseURL(c)
	for _, source := range from {
		switch kind, name, _ := strings.Cut(source.String(), ":"); kind {
		case "header":
			fmt.Fprintf(&text, "\n  curl -N -H \"Authorization: Bearer TOKEN\" %s/events", base)
		case "cookie":
			fmt.Fprintf(&text, "\n  In the console of a page from %s:  document.cookie = \"%s=TOKEN; path=/\"", base, name)
		case "query":
			fmt.Fprintf(&text, "\n  curl -N '%s/events?%s=TOKEN'", base, name)
		}
	}
	return text.String()
}

// baseURL is where the gateway of a configuration is reached from this machine.
func baseURL(c *config.Config) string {
	scheme := "http"
	if c.TLS.CertFile != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "http://localhost" // a socket, with a proxy in front
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
