// Package webhook delivers records by HTTP: a POST for each, signed as Standard Webhooks
// wants it (https://www.standardwebhooks.com).
//
// webhook.go sends, and body.go writes what is sent, CloudEvents too. signature.go signs.
// answer.go says what an answer or an error means. dial.go keeps to public addresses.
package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"sluice/broker/deliver"
	"sluice/broker/reread"
	"sluice/broker/shape"
	"sluice/shown"
)

// Config is a target.
type Config struct {
	URL          string
	SecretFile   string // a secret a line; read again when it changes. "": messages are not signed
	CloudEvents  string // one of the CloudEvents… words; "": CloudEventsNone
	Timeout      time.Duration
	AllowPrivate bool
	Concurrency  int // connections that are kept
	IDs          shape.RecordID

	// Caller shows the target's platform who calls; nil: nobody is shown. What it sets is
	// sent with the headers of Standard Webhooks.
	Caller Caller
}

// Caller authorizes requests for a platform that lets no stranger call. The body is the
// request's.
type Caller interface {
	Authorize(r *http.Request, body []byte) error
}

// The words of Config.CloudEvents.
const (
	CloudEventsNone       = "none"
	CloudEventsBinary     = "binary"
	CloudEventsStructured = "structured"
)

// Target sends to one URL. It implements [deliver.Target].
type Target struct {
	config Config
	client *http.Client
	keys   *reread.Value[keys] // nil: messages are not signed
}

// New makes a target. Its errors begin with the key at fault, below the delivery's http.
func New(c Config, log *slog.Logger) (*Target, error) {
	if err := CheckURL(c.URL); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	t := &Target{config: c, client: newClient(c)}
	if c.SecretFile == "" {
		return t, nil
	}
	var err error
	t.keys, err = reread.New("http.secret_file", log, func(contents [][]byte) (keys, error) {
		return parseKeys(c.SecretFile, contents[0])
	}, c.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("secret_file: %w", err)
	}
	return t, nil
}

// CheckURL says what is wrong with a target's URL. It quotes none of it.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("is no URL: write https:// and the address")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return errors.New("is no URL of HTTP: write https:// and the address")
	case u.User != nil:
		return errors.New("has a user in it: a target knows the gateway by secret_file")
	case u.Fragment != "":
		return errors.New("has a fragment (#), which is never sent: remove it")
	}
	return nil
}

// String is the target's address without what may be a key.
func (t *Target) String() string { return shown.URL(t.config.URL) }

// Close gives idle connections back.
func (t *Target) Close() { t.client.CloseIdleConnections() }

// Send implements [deliver.Target].
func (t *Target) Send(ctx context.Context, m *deliver.Message) deliver.Outcome {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	body := t.config.body(m)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.config.URL, bytes.NewReader(body.content))
	if err != nil {
		return failure(ctx, err)
	}
	req.Header = body.header
	req.Header.Set("User-Agent", "sluice")
	req.Header.Set("Content-Type", body.contentType)
	t.sign(req.Header, m.ID, body.content)
	if c := t.config.Caller; c != nil {
		if err := c.Authorize(req, body.content); err != nil {
			return deliver.Outcome{Verdict: deliver.Failed, Cause: "no_credentials", Err: err, Down: true}
		}
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return failure(ctx, err)
	}
	defer resp.Body.Close()
	return outcome(resp, readStart(resp.Body))
}

// sign sets the headers of Standard Webhooks. The timestamp is that of the attempt, since
// a target refuses one that is minutes old.
func (t *Target) sign(h http.Header, id string, body []byte) {
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", timestamp)
	if t.keys != nil {
		h.Set("webhook-signature", t.keys.Get().sign(id, timestamp, body))
	}
}
