package lambda_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/deliver"
	"sluice/broker/deliver/cloudtest"
	"sluice/broker/deliver/lambda"
)

func target(t *testing.T, function, endpoint string) *lambda.Target {
	t.Helper()
	made, err := lambda.New(lambda.Config{Function: function, Region: cloudtest.Region, Endpoint: endpoint, Timeout: time.Minute, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func message() *deliver.Message {
	rec := &kgo.Record{Topic: "orders", Partition: 3, Offset: 77, Timestamp: time.UnixMilli(1769860800123)}
	return &deliver.Message{Record: rec, ID: "orders/3/77", Stream: "orders", Name: "confirmed", Subject: "o-7", Data: []byte(`{"orderId":"o-7"}`), IsJSON: true}
}

// Moto takes what is invoked, and answers what it was told to.
func TestInvokeInMoto(t *testing.T) {
	cloudtest.Credentials(t)
	moto := cloudtest.Moto(t)
	cloudtest.Python(t, nil, "testdata/make.py", moto)
	results := `{"results":["{\"statusCode\":422}"],"region":"` + cloudtest.Region + `"}`
	resp, err := http.Post(moto+"/moto-api/static/lambda-simple/response", "application/json", strings.NewReader(results))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if o := target(t, "order-mail", moto).Send(t.Context(), message()); o.Verdict != deliver.Refused || o.Cause != "status_422" {
		t.Errorf("%+v", o)
	}
	if o := target(t, "order-mail", moto).Send(t.Context(), message()); o.Verdict != deliver.Delivered {
		t.Errorf("%+v", o)
	}
}

// A function is handed a CloudEvent, and waited for. What it throws is tried again. What
// it returns as a status counts as a webhook's does.
func TestWhatAFunctionsAnswerMeans(t *testing.T) {
	cloudtest.Credentials(t)
	for _, tt := range []struct {
		status      int
		err, body   string
		verdict     deliver.Verdict
		cause, text string
		down        bool
	}{
		{200, "", `null`, deliver.Delivered, "", "", false},
		{200, "", ``, deliver.Delivered, "", "", false},
		{200, "", `"done"`, deliver.Delivered, "", "", false},
		{200, "", `{"statusCode":"odd"}`, deliver.Delivered, "", "", false},
		{200, "", `{"statusCode":204}`, deliver.Delivered, "", "", false},
		{200, "", `{"statusCode":422}`, deliver.Refused, "status_422", "", false},
		{200, "", `{"statusCode":410}`, deliver.Gone, "status_410", "", false},
		{200, "", `{"statusCode":503}`, deliver.Failed, "status_503", "", true},
		{200, "Unhandled", `{"errorType":"Error","errorMessage":"no database\u0000"}`, deliver.Failed, "function_error", "(Unhandled): Error no database", true},
		{200, "Handled", `no JSON`, deliver.Failed, "function_error", "(Handled)", true},
		{429, "", `{"__type":"TooManyRequestsException"}`, deliver.Failed, "throttled", "", true},
		{413, "", `{"__type":"RequestTooLargeException"}`, deliver.Refused, "too_large", "", false},
		{500, "", `{"__type":"ServiceException"}`, deliver.Failed, "internal_failure", "", true},
		{502, "", `{"__type":"EFSIOException"}`, deliver.Failed, "internal_failure", "", true},
		{404, "", `{"__type":"ResourceNotFoundException"}`, deliver.Failed, "not_found", "", false},
		{403, "", `{"__type":"AccessDeniedException"}`, deliver.Failed, "not_authorized", "", false},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			var e struct {
				ID, Type, Subject string
				Data              struct{ OrderID string }
			}
			if json.Unmarshal(body, &e) != nil || e.ID != "orders/3/77" || e.Type != "confirmed" || e.Subject != "o-7" || e.Data.OrderID != "o-7" {
				t.Errorf("it is handed %s", body)
			}
			if r.URL.Path != "/2015-03-31/functions/order-mail%3Alive/invocations" && r.URL.Path != "/2015-03-31/functions/order-mail:live/invocations" || r.Header.Get("X-Amz-Invocation-Type") != "RequestResponse" {
				t.Errorf("%s %v", r.URL, r.Header)
			}
			if tt.err != "" {
				w.Header().Set("X-Amz-Function-Error", tt.err)
			}
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		}))
		o := target(t, "order-mail:live", s.URL).Send(t.Context(), message())
		s.Close()
		text := ""
		if o.Err != nil {
			text = o.Err.Error()
		}
		if o.Verdict != tt.verdict || o.Cause != tt.cause || o.Down != tt.down || !strings.Contains(text, tt.text) || strings.Contains(text, "hush") {
			t.Errorf("%d %s %s: %+v", tt.status, tt.err, tt.body, o)
		}
	}
}
