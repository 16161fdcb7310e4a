package config

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/broker/deliver"
	"sluice/broker/deliver/eventbridge"
	"sluice/broker/deliver/lambda"
)

// Of each target the one that is written is made, and said by a name without a secret.
func TestTargetsOfCloudsAsWritten(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	key := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(key, serviceAccount(t), 0o600); err != nil {
		t.Fatal(err)
	}
	c, findings := loadDelivery(t, `
  bus: {stream: orders, eventbridge: {bus: shop, region: eu-central-1, source: shop.orders, detail_type: changed, endpoint: "http://localhost:5000", max_entry_bytes: 64KiB}, dead_letter: d}
  call: {stream: orders, lambda: {function: "mail:live", region: us-east-1, timeout: 3s}, dead_letter: d}
  url: {stream: orders, http: {url: "https://x.lambda-url.eu-central-1.on.aws/", secret_file: mail.secret, aws_sigv4: {region: eu-central-1}}, dead_letter: d}
  run: {stream: orders, http: {url: "https://mail.a.run.app/x", secret_file: mail.secret, google: {audience: "https://mail.a.run.app", credentials_file: `+key+`}}, dead_letter: d}
`)
	if len(findings.Faults()) > 0 {
		t.Fatal(findings)
	}
	all, closeAll, err := c.Delivering(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	for i, want := range []string{"EventBridge bus shop in eu-central-1", "Lambda function mail:live in us-east-1", "https://mail.a.run.app/x", "https://x.lambda-url.eu-central-1.on.aws/"} {
		if got := all[i].Target.String(); got != want {
			t.Errorf("%s: %q, want %q", all[i].Name, got, want)
		}
	}
	if _, ok := all[0].Target.(*eventbridge.Target); !ok {
		t.Errorf("%T", all[0].Target)
	} else if _, ok := all[0].Target.(deliver.Batcher); !ok {
		t.Error("a bus gets no batches")
	}
	if _, ok := all[1].Target.(*lambda.Target); !ok {
		t.Errorf("%T", all[1].Target)
	}
	if d := c.Deliveries[0].EventBridge; d.MaxEntryBytes != 64<<10 || d.DetailType != "changed" || d.Endpoint != "http://localhost:5000" || d.Source != "shop.orders" {
		t.Errorf("%+v", d)
	}
	if d := c.Deliveries[1].Lambda; d.Timeout != 3*time.Second || d.Region != "us-east-1" {
		t.Errorf("%+v", d)
	}
	if d := c.Deliveries[3].HTTP; d.AWSRegion != "eu-central-1" || d.AWSService != "lambda" || d.GoogleAudience != "" {
		t.Errorf("%+v", d)
	}
	if d := c.Deliveries[2].HTTP; d.GoogleAudience != "https://mail.a.run.app" || d.GoogleCredentialsFile != key {
		t.Errorf("%+v", d)
	}
}

func serviceAccount(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "sluice@shop.iam.gserviceaccount.com", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": "https://oauth2.googleapis.com/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestFaultsOfTargetsInClouds(t *testing.T) {
	const http = "url: https://shop.example/, secret_file: mail.secret"
	for text, want := range map[string]string{
		"{stream: orders}": "deliveries.x.http.url: is missing: write the address to post to, or kafka: {topic: …}, eventbridge: {region: …} or lambda: {function: …}",
		"{topic: a, http: {" + http + "}, eventbridge: {region: eu-central-1, source: a}}":                   "x.eventbridge.region: is a second target besides http",
		"{topic: a, kafka: {topic: b}, lambda: {function: f, region: eu-central-1}}":                         "x.lambda.function: is a second target besides kafka",
		"{topic: a, eventbridge: {region: eu-central-1, source: a}, lambda: {function: f}}":                  "x.lambda.function: is a second target besides eventbridge",
		"{topic: a, eventbridge: {source: shop}}":                                                            "x.eventbridge.region: is missing: write the AWS region",
		"{topic: a, eventbridge: {region: 'evil.example/', source: shop}}":                                   `x.eventbridge.region: "evil.example/" is no AWS region`,
		"{topic: a, eventbridge: {region: eu-central-1}}":                                                    "x.eventbridge.source: is missing",
		"{topic: a, eventbridge: {region: eu-central-1, source: aws.s3}}":                                    `x.eventbridge.source: "aws.s3" begins with aws.`,
		"{topic: a, eventbridge: {region: eu-central-1, source: s, bus: 'a b'}}":                             `x.eventbridge.bus: "a b" is no bus`,
		"{topic: a, eventbridge: {region: eu-central-1, source: s, max_entry_bytes: 2MiB}}":                  "x.eventbridge.max_entry_bytes: 2MiB is outside",
		"{topic: a, eventbridge: {region: eu-central-1, source: s, detail_type: " + strings.Repeat("a", 129): "x.eventbridge.detail_type: has more than 128",
		"{topic: a, eventbridge: {region: eu-central-1, source: s, endpoint: 'https://u:hush@x/'}}":          "x.eventbridge.endpoint: has a user in it",
		"{topic: a, lambda: {region: eu-central-1}}":                                                         "x.lambda.function: is missing",
		"{topic: a, lambda: {function: 'a/b', region: eu-central-1}}":                                        `x.lambda.function: "a/b" is no function`,
		"{topic: a, lambda: {function: f}}":                                                                  "x.lambda.region: is missing",
		"{topic: a, lambda: {function: f, region: eu-central-1, timeout: 1ms}}":                              "x.lambda.timeout: 1ms is too short",
		"{topic: a, lambda: {function: f, region: eu-central-1, timeout: 1h}}":                               "x.lambda.timeout: 1h0m0s is too long: write 15m",
		"{topic: a, http: {" + http + ", aws_sigv4: {service: lambda}}}":                                     "x.http.aws_sigv4.region: is missing",
		"{topic: a, http: {" + http + ", aws_sigv4: {region: eu-central-1, service: ''}}}":                   "x.http.aws_sigv4.service: is missing",
		"{topic: a, http: {" + http + ", google: {audience: ''}}}":                                           "x.http.google.audience: is missing",
		"{topic: a, http: {" + http + ", google: {audience: 'https://a.run.app/?hush'}}}":                    "x.http.google.audience: is no audience",
		"{topic: a, http: {" + http + ", google: {audience: a, credentials_file: bad.secret}}}":              "bad.secret is no service account's key",
		"{topic: a, http: {" + http + ", google: {audience: a, credentials_file: none}}}":                    "x.http.google.credentials_file: can't be read",
		"{topic: a, http: {" + http + ", google: {audience: a}, aws_sigv4: {region: eu-central-1}}}":         "x.http.google: is for Google, and aws_sigv4 for AWS",
		"{topic: a, kafka: {topic: ''}}":                                                                     "x.kafka.topic: is missing",
	} {
		if strings.Count(text, "{") > strings.Count(text, "}") {
			text += "}}"
		}
		_, findings := loadDelivery(t, "  x: "+text+"\n")
		got := findings.Faults().Error()
		if !strings.Contains(got, want) || strings.Contains(got, "hush") {
			t.Errorf("%s\n%q, want %q", text, got, want)
		}
	}
}

// All that is wrong is said at once.
func TestFaultsOfATargetAreWhole(t *testing.T) {
	_, findings := loadDelivery(t, "  x: {topic: a, eventbridge: {source: aws.x, bus: 'a b', max_entry_bytes: 1}}\n")
	if n := len(findings.Faults()); n != 4 {
		t.Errorf("%d faults: %v", n, findings)
	}
}

func TestATargetInTheClearIsAWarning(t *testing.T) {
	_, findings := loadDelivery(t, "  x: {topic: a, eventbridge: {region: eu-central-1, source: s, endpoint: 'http://moto:5000'}, dead_letter: d}\n")
	if text := findings.Error(); len(findings.Faults()) > 0 || !strings.Contains(text, "x.eventbridge.endpoint: warning: is asked without TLS") {
		t.Error(text)
	}
}
