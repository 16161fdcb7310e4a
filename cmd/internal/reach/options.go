// Package reach is what the commands that speak to a gateway from outside have in common.
// It has the gateway's address, who they say they are, which certificates they trust, and
// how they say what went wrong.
//
// Files:
//   - options.go: the flags, and the headers that come of them.
//   - transport.go: certificates and time limits.
//   - messages.go: errors and foreign text, made fit for a terminal.
//   - pause.go: waiting that a context ends.
package reach

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"sluice/cmd/internal/cmdline"
)

// Options are what a command line says about the gateway. Flags registers them, Parse
// fills them in.
type Options struct {
	URL     *url.URL          // with the query the flags add
	Headers map[string]string // by canonical name; --token-file is not among them: see Header

	tokenFile string
	token     string // of SLUICE_TOKEN
	caFile    string
	insecure  bool
	query     map[string]string
	lines     []string // looked at later: the flag package repeats in its error what it couldn't take, and this may be a secret
}

// Flags registers the flags that are for every command.
func (o *Options) Flags(flags *flag.FlagSet) {
	o.ToQuery(flags, "user", "user", "whose events, where the gateway has auth: none (`NAME`)")
	o.ToQuery(flags, "stream", "stream", "only these streams (`a,b`)")
	o.ToQuery(flags, "ticket", "ticket", "the `TICKET` to be let in by")
	o.Access(flags)
}

// Access registers those that say how to be let in, which are for the admin address too.
func (o *Options) Access(flags *flag.FlagSet) {
	flags.Func("header", "send this header too (`'Name: value'`, repeatable)", func(v string) error { o.lines = append(o.lines, v); return nil })
	flags.StringVar(&o.tokenFile, "token-file", "", "send the token in this `FILE` as Authorization: Bearer; read again at each connection. Without it, the one in SLUICE_TOKEN")
	flags.StringVar(&o.caFile, "ca-file", "", "trust the certificate authorities in this PEM `FILE`")
	flags.BoolVar(&o.insecure, "insecure", false, "trust any certificate")
}

// ToQuery registers a flag that becomes a parameter of the query.
func (o *Options) ToQuery(flags *flag.FlagSet, name, key, text string) {
	if o.query == nil {
		o.query = make(map[string]string)
	}
	flags.Func(name, text, func(v string) error { o.query[key] = v; return nil })
}

// Parse reads a command line of one URL, with flags before and after it. The error is for
// the user and ends in status 2; [flag.ErrHelp] when help was asked for, and given on
// stdout after usage.
func (o *Options) Parse(flags *flag.FlagSet, args []string, usage string, stdout io.Writer) error {
	words, err := cmdline.Words(flags, args, usage, stdout)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return fmt.Errorf("one URL is needed, %d given", len(words))
	}
	return o.Reach(words[0])
}

// Reach takes the URL, once the flags have been read. The error is for the user.
func (o *Options) Reach(address string) (err error) {
	o.Headers = make(map[string]string)
	for _, line := range o.lines {
		if err := o.addHeader(line); err != nil {
			return fmt.Errorf("--header: %w", err)
		}
	}
	o.token = os.Getenv("SLUICE_TOKEN")
	if !HeaderValue(o.token) {
		return errors.New("SLUICE_TOKEN: a control character in it")
	}
	if o.tokenFile != "" && o.Headers["Authorization"] != "" {
		return errors.New("--token-file and --header Authorization both give a token: choose one")
	}
	o.URL, err = target(address, o.query)
	return err
}

// target is the address to ask: http unless it says https, /events unless it names a
// path.
func target(address string, query map[string]string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		plain, _ := Plain(err)
		return nil, fmt.Errorf("the URL can't be read: %w", plain)
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the URL needs http or https and a host, like http://localhost:8080; %q is none", u.Redacted())
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/events"
	}
	values := u.Query()
	for key, value := range query {
		values.Set(key, value)
	}
	u.RawQuery = values.Encode()
	return u, nil
}

// addHeader takes one --header. A name given twice is joined, as RFC 9110 allows.
func (o *Options) addHeader(line string) error {
	name, value, ok := strings.Cut(line, ":")
	name, value = http.CanonicalHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
	switch {
	case !ok || !headerName(name) || !HeaderValue(value):
		return errors.New("write it as 'Name: value'")
	case name == "Last-Event-Id":
		return errors.New("Last-Event-ID is the command's own to send")
	}
	if before, twice := o.Headers[name]; twice {
		separator := ", "
		if name == "Cookie" {
			separator = "; "
		}
		value = before + separator + value
	}
	o.Headers[name] = value
	return nil
}

// Header is what each connection sends: Headers, and the token. It fails where
// --token-file can't be read.
func (o *Options) Header() (map[string]string, error) {
	token, err := o.bearer()
	if err != nil || token == "" || o.Headers["Authorization"] != "" {
		return o.Headers, err
	}
	header := map[string]string{"Authorization": "Bearer " + token}
	for name, value := range o.Headers {
		header[name] = value
	}
	return header, nil
}

// bearer is the token there is; "" where there is none.
func (o *Options) bearer() (string, error) {
	if o.tokenFile == "" {
		return o.token, nil
	}
	text, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || !HeaderValue(token) {
		return "", fmt.Errorf("--token-file: %s holds no token", o.tokenFile)
	}
	return token, nil
}

// headerName says whether s can name a header: a token of RFC 9110.
func headerName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// HeaderValue says whether net/http sends s as it is.
func HeaderValue(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
