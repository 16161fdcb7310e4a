package awsauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/deliver"
	"sluice/broker/deliver/awsauth"
	"sluice/broker/deliver/cloudtest"
	"sluice/broker/deliver/webhook"
)

// What is signed for a function's URL has the signature that botocore makes of what
// arrives: path, query, body and the webhook's own headers with it.
func TestBotocoreSignsAlike(t *testing.T) {
	cloudtest.Credentials(t)
	var sent map[string]any
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		headers := map[string]string{"Content-Length": strconv.FormatInt(r.ContentLength, 10)}
		for name := range r.Header {
			headers[name] = r.Header.Get(name)
		}
		sent = map[string]any{
			"url": "http://" + r.Host + r.URL.String(), "host": r.Host, "headers": headers, "body": string(body),
			"id": "AKIDEXAMPLE", "secret": "hush-secret-key", "token": "hush-session", "region": cloudtest.Region,
		}
	}))
	defer s.Close()
	signer, err := awsauth.NewSigner(cloudtest.Region, "lambda")
	if err != nil {
		t.Fatal(err)
	}
	target, err := webhook.New(webhook.Config{URL: s.URL + "/mail/a%20b?x=1&a=%C3%BC", AllowPrivate: true, CloudEvents: webhook.CloudEventsBinary, Timeout: time.Minute, Caller: signer}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	m := &deliver.Message{Record: &kgo.Record{Topic: "orders"}, ID: "orders/0/1", Name: "ü  b", Data: []byte(`{"orderId":"ö"}`), IsJSON: true}
	if o := target.Send(t.Context(), m); o.Verdict != deliver.Delivered {
		t.Fatalf("%+v", o)
	}
	authorization := sent["headers"].(map[string]string)["Authorization"]
	for _, name := range []string{"ce-id", "content-type", "host", "webhook-id", "webhook-timestamp", "x-amz-security-token"} {
		if !strings.Contains(authorization, name) {
			t.Errorf("%s isn't signed: %s", name, authorization)
		}
	}
	input, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	if want := string(cloudtest.Python(t, input, "testdata/sigv4.py")); authorization != want {
		t.Errorf("%s\nbotocore: %s", authorization, want)
	}
}

// Without credentials nothing is sent, and no record is given up for it.
func TestWithoutCredentials(t *testing.T) {
	cloudtest.Credentials(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	signer, err := awsauth.NewSigner(cloudtest.Region, "lambda")
	if err != nil {
		t.Fatal(err)
	}
	err = signer.Authorize(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), nil)
	var none *awsauth.CredentialsError
	if !errors.As(err, &none) || !strings.HasPrefix(err.Error(), "no AWS credentials: ") {
		t.Errorf("%v", err)
	}
	if o := awsauth.Outcome(t.Context(), err); o.Verdict != deliver.Failed || o.Cause != "no_credentials" || !o.Down {
		t.Errorf("%+v", o)
	}
}

func TestWhatAWSsWordsMean(t *testing.T) {
	for code, want := range map[string]struct {
		verdict deliver.Verdict
		cause   string
		down    bool
	}{
		"ThrottlingException":             {deliver.Failed, "throttled", true},
		"TooManyRequestsException":        {deliver.Failed, "throttled", true},
		"InternalFailure":                 {deliver.Failed, "internal_failure", true},
		"InternalException":               {deliver.Failed, "internal_failure", true},
		"ServiceUnavailable":              {deliver.Failed, "internal_failure", true},
		"MalformedDetail":                 {deliver.Refused, "malformed_detail", false},
		"InvalidArgument":                 {deliver.Refused, "invalid_argument", false},
		"RequestTooLargeException":        {deliver.Refused, "too_large", false},
		"AccessDeniedException":           {deliver.Failed, "not_authorized", false},
		"NotAuthorizedForSourceException": {deliver.Failed, "not_authorized", false},
		"InvalidSignatureException":       {deliver.Failed, "not_authorized", false},
		"ExpiredTokenException":           {deliver.Failed, "not_authorized", false},
		"ResourceNotFoundException":       {deliver.Failed, "not_found", false},
		"ValidationException":             {deliver.Failed, "validation", false},
		"Something\x00New":                {deliver.Failed, "aws_error", false},
	} {
		o := awsauth.ByCode(code, "x-amz-security-token:hush")
		if o.Verdict != want.verdict || o.Cause != want.cause || o.Down != want.down || o.Err == nil || strings.ContainsRune(o.Err.Error(), 0) {
			t.Errorf("%s: %+v", code, o)
		}
		// AWS repeats what was signed, and a token may be in it.
		if (strings.Contains(code, "Signature") || strings.Contains(code, "Token")) && strings.Contains(o.Err.Error(), "hush") {
			t.Errorf("%s: %v", code, o.Err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if o := awsauth.Outcome(ctx, context.DeadlineExceeded); o.Cause != "timeout" || !o.Down {
		t.Errorf("%+v", o)
	}
}
