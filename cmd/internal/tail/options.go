package tail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// options is what the command line asks for.
type options struct {
	url       *url.URL // with the query the flags add
	lastID    string
	headers   map[string]string
	tokenFile string
	insecure  bool
	caFile    string
	count     int // end after so many events of streams; 0 never
	json      bool
	quiet     bool
}

const usage = `Usage: sluice tail [flags] URL

Follows a stream in the terminal and resumes by itself, whatever breaks.
URL is the gateway (http://localhost:8080) or the route itself (…/events?stream=orders).

Flags:
`

// parse reads the command line. Flags may stand before and after the URL. The
// error is for the user and ends in status 2; flag.ErrHelp when help was asked for, and given on stdout.
func parse(args []string, stdout io.Writer) (*options, error) {
	o := &options{headers: make(map[string]string)}
	query := make(map[string]string)
	flags := flag.NewFlagSet("sluice tail", flag.ContinueOnError)
	flags.SetOutput(io.Discard)

	toQuery := func(name, key, text string) {
		flags.Func(name, text, func(v string) error { query[key] = v; return nil })
	}
	toQuery("user", "user", "whose events, where the gateway has auth: none (`NAME`)")
	toQuery("stream", "stream", "only these streams (`a,b`)")
	toQuery("subject", "subject", "only events about this subject (`ID`)")
	toQuery("from", "from", "where to begin: `live` (default), earliest, last:N or since:RFC3339")
	flags.StringVar(&o.lastID, "last-event-id", "", "resume after this `ID` of an earlier event")
	var headers []string // looked at later: the flag package repeats in its error what it couldn't take, and this may be a secret
	flags.Func("header", "send this header too (`'Name: value'`, repeatable)", func(v string) error { headers = append(headers, v); return nil })
	flags.StringVar(&o.tokenFile, "token-file", "", "send the token in this `FILE` as Authorization: Bearer; read again at each connection")
	flags.StringVar(&o.caFile, "ca-file", "", "trust the certificate authorities in this PEM `FILE`")
	flags.BoolVar(&o.insecure, "insecure", false, "trust any certificate")
	flags.IntVar(&o.count, "count", 0, "end after `N` events of streams")
	flags.BoolVar(&o.json, "json", false, "print one JSON object a line: id, event, data")
	flags.BoolVar(&o.quiet, "quiet", false, "leave out the gateway's own events (sluice.*)")

	var positional []string
	for rest := args; ; {
		if err := flags.Parse(rest); errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			flags.SetOutput(stdout)
			flags.PrintDefaults()
			return nil, err
		} else if err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			break
		}
		positional = append(positional, flags.Arg(0))
		rest = flags.Args()[1:]
	}
	if len(positional) != 1 {
		return nil, fmt.Errorf("one URL is needed, %d given", len(positional))
	}
	for _, line := range headers {
		if err := o.addHeader(line); err != nil {
			return nil, fmt.Errorf("--header: %w", err)
		}
	}
	var err error
	o.url, err = target(positional[0], query)
	switch {
	case err != nil:
		return nil, err
	case o.count < 0:
		return nil, errors.New("--count: below zero")
	case !headerValue(o.lastID):
		return nil, errors.New("--last-event-id: a control character in it")
	case o.tokenFile != "" && o.headers["Authorization"] != "":
		return nil, errors.New("--token-file and --header Authorization say the same twice: choose one")
	}
	return o, nil
}

// target is the address to ask: http unless it says https, /events unless it names a path.
func target(address string, query map[string]string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the URL can't be read: %v", plain(err).Error())
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
func (o *options) addHeader(line string) error {
	name, value, ok := strings.Cut(line, ":")
	name, value = http.CanonicalHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
	switch {
	case !ok || !headerName(name) || !headerValue(value):
		return errors.New("write it as 'Name: value'")
	case name == "Last-Event-Id":
		return errors.New("that is --last-event-id")
	}
	if before, twice := o.headers[name]; twice {
		separator := ", "
		if name == "Cookie" {
			separator = "; "
		}
		value = before + separator + value
	}
	o.headers[name] = value
	return nil
}

// transport is how the gateway is reached. Its error is about --ca-file.
func (o *options) transport() (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true           // an event held back in a compressor's window is late
	t.ResponseHeaderTimeout = time.Minute // until the answer begins; the stream itself may last
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: o.insecure}
	if o.caFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(o.caFile)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca-file: no PEM certificate in %s", o.caFile)
	}
	return t, nil
}

// token reads --token-file; "" where there is none.
func (o *options) token() (string, error) {
	if o.tokenFile == "" {
		return "", nil
	}
	text, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || !headerValue(token) {
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

// headerValue says whether net/http sends s as it is.
func headerValue(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
