package top

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"sluice/cmd/internal/reach"
)

// adminClient asks the admin address.
type adminClient struct {
	*options
	http *http.Client
}

// maxAnswer is far more than a gateway of 64 streams says of them.
const maxAnswer = 64 << 20

// ask reads the JSON answer of a route.
func (a *adminClient) ask(ctx context.Context, route string, query url.Values) ([]byte, error) {
	u := *a.URL
	u.Path, u.RawQuery = route, query.Encode()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	header, err := a.Header()
	if err != nil {
		return nil, err
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	resp, err := a.http.Do(r)
	if err != nil {
		plain, _ := reach.Plain(err)
		return nil, fmt.Errorf("%s does not answer: %w", u.Host, plain)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}

// refusal says why there is no answer; and where nothing is at that address, which other
// one was perhaps meant.
func refusal(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // a part says as much
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var problem struct{ Type string }
	_ = json.Unmarshal(body, &problem) // then it has none
	text := reach.Explain(resp)
	if resp.StatusCode == http.StatusNotFound && (problem.Type == "" || problem.Type == "urn:sluice:problem:not-found") {
		text += ": is this the gateway's admin address?"
	}
	return errors.New(text)
}

// live asks for a snapshot.
func (a *adminClient) live(ctx context.Context) (*snapshot, error) {
	query := url.Values{}
	if a.stream != "" {
		query.Set("stream", a.stream)
	}
	text, err := a.ask(ctx, "/live", query)
	if err != nil {
		return nil, err
	}
	s := new(snapshot)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, errors.New("the answer is not a gateway's: is this the admin address?")
	}
	return s, nil
}
