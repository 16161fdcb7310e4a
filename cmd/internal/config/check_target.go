package config

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"sluice/broker/deliver/eventbridge"
	"sluice/broker/deliver/googleauth"
	"sluice/broker/deliver/webhook"
)

// checkDeliveryTarget looks at where a delivery's records go.
func (l *loader) checkDeliveryTarget(d *Delivery, at func(string) string) {
	checks := map[string]func(*Delivery, func(string) string){
		"http": l.checkHTTPTarget, "kafka": l.checkKafkaTarget, "eventbridge": l.checkEventBridge, "lambda": l.checkLambda,
	}
	first := ""
	for _, section := range targetSections {
		switch {
		case !l.has(at(section)):
		case first != "":
			l.fault(at(section+"."+leadingKey[section]), "is a second target besides "+first+": a delivery has one of http, kafka, eventbridge and lambda")
			return
		default:
			first = section
		}
	}
	if first == "" {
		l.fault(at("http.url"), "is missing: write the address to post to, or kafka: {topic: …}, eventbridge: {region: …} or lambda: {function: …}")
		return
	}
	checks[first](d, at)
}

// leadingKey is the key of a target that says where it is.
var leadingKey = map[string]string{"http": "url", "kafka": "topic", "eventbridge": "region", "lambda": "function"}

func (l *loader) checkHTTPTarget(d *Delivery, at func(string) string) {
	if d.HTTP.URL == "" {
		l.fault(at("http.url"), "is missing: write the address to post to")
	} else if err := webhook.CheckURL(d.HTTP.URL); err != nil {
		l.fault(at("http.url"), err.Error())
	} else if strings.HasPrefix(d.HTTP.URL, "http:") && !d.HTTP.AllowPrivate {
		l.warn(at("http.url"), "is asked without TLS: records go there in the clear; write https")
	} else if l.has(at("http.google")) {
		l.warnInClear(at("http.url"), d.HTTP.URL)
	}
	l.checkTimeout(at("http.timeout"), d.HTTP.Timeout, time.Minute, "1m")
	l.checkDeliverySecret(d.HTTP.SecretFile, at("http.secret_file"))
	isGoogle, isAWS := l.has(at("http.google")), l.has(at("http.aws_sigv4"))
	switch {
	case isGoogle && isAWS:
		l.fault(at("http.google"), "is for Google, and aws_sigv4 for AWS: remove one of them")
	case isGoogle:
		l.checkGoogle(d.HTTP, at)
	case isAWS:
		l.checkRegion(at("http.aws_sigv4.region"), d.HTTP.AWSRegion)
		if d.HTTP.AWSService == "" {
			l.fault(at("http.aws_sigv4.service"), "is missing: write lambda, or the service that is asked")
		}
	}
}

// warnInClear warns of an address that is asked without TLS on another machine.
func (l *loader) warnInClear(key, text string) {
	if u, err := url.Parse(text); err == nil && readableOnItsWay(u) {
		l.warn(key, "is asked without TLS: records and tokens go there in the clear; write https")
	}
}

func (l *loader) checkGoogle(h HTTPTarget, at func(string) string) {
	if err := googleauth.CheckAudience(h.GoogleAudience); err != nil {
		l.fault(at("http.google.audience"), err.Error())
	}
	if h.GoogleCredentialsFile == "" {
		return
	}
	key := at("http.google.credentials_file")
	if content, err := os.ReadFile(h.GoogleCredentialsFile); err != nil {
		l.fault(key, unreadable(err).Error())
	} else if err := googleauth.CheckKey(h.GoogleCredentialsFile, content); err != nil {
		l.fault(key, err.Error())
	}
}

func (l *loader) checkTimeout(key string, timeout, most time.Duration, mostText string) {
	if timeout < 100*time.Millisecond && !l.broken[key] {
		l.fault(key, fmt.Sprintf("%v is too short: write at least 100ms", timeout))
	} else if timeout > most {
		l.fault(key, fmt.Sprintf("%v is too long: write %s at most, and have the target answer before it works", timeout, mostText))
	}
}

func (l *loader) checkKafkaTarget(d *Delivery, at func(string) string) {
	if d.KafkaTopic == "" {
		l.fault(at("kafka.topic"), "is missing: name the topic that records are copied to")
	}
}

// awsRegion is what a region looks like. It becomes a part of a host's name.
var awsRegion = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

func (l *loader) checkRegion(key, region string) {
	switch {
	case l.broken[key]:
	case region == "":
		l.fault(key, "is missing: write the AWS region, such as eu-central-1")
	case !awsRegion.MatchString(region):
		l.fault(key, fmt.Sprintf("%q is no AWS region: write one such as eu-central-1", region))
	}
}

func (l *loader) checkEndpoint(key, endpoint string) {
	if endpoint == "" {
		return
	}
	if err := webhook.CheckURL(endpoint); err != nil {
		l.fault(key, strings.ReplaceAll(err.Error(), "by secret_file", "by AWS's signatures"))
		return
	}
	l.warnInClear(key, endpoint)
}

// Bounds of eventbridge.max_entry_bytes. AWS takes 256 KB, or 1 MB where it says so.
const (
	minEntry = 1 << 10
	maxEntry = 1 << 20
)

func (l *loader) checkEventBridge(d *Delivery, at func(string) string) {
	e := d.EventBridge
	l.checkRegion(at("eventbridge.region"), e.Region)
	if err := eventbridge.CheckSource(e.Source); err != nil && !l.broken[at("eventbridge.source")] {
		l.fault(at("eventbridge.source"), err.Error())
	}
	if err := eventbridge.CheckDetailType(e.DetailType); err != nil {
		l.fault(at("eventbridge.detail_type"), err.Error())
	}
	if !eventBus.MatchString(e.Bus) {
		l.fault(at("eventbridge.bus"), fmt.Sprintf("%q is no bus: write its name or its ARN", e.Bus))
	}
	l.checkEndpoint(at("eventbridge.endpoint"), e.Endpoint)
	if n := e.MaxEntryBytes; (n < minEntry || n > maxEntry) && !l.broken[at("eventbridge.max_entry_bytes")] {
		l.fault(at("eventbridge.max_entry_bytes"), fmt.Sprintf("%v is outside of what AWS may take: write %v to %v", n, Size(minEntry), Size(maxEntry)))
	}
}

// eventBus and lambdaFunction are what a name or an ARN looks like. AWS would refuse each
// request otherwise.
var (
	eventBus       = regexp.MustCompile(`^[-/.:_A-Za-z0-9]*$`)
	lambdaFunction = regexp.MustCompile(`^[-.:_$A-Za-z0-9]{1,256}$`)
)

// maxLambda is how long a function may run.
const maxLambda = 15 * time.Minute

func (l *loader) checkLambda(d *Delivery, at func(string) string) {
	switch name := d.Lambda.Function; {
	case name == "":
		l.fault(at("lambda.function"), "is missing: write the function's name or its ARN")
	case !lambdaFunction.MatchString(name):
		l.fault(at("lambda.function"), fmt.Sprintf("%q is no function: write its name, name:alias or its ARN", name))
	}
	l.checkRegion(at("lambda.region"), d.Lambda.Region)
	l.checkEndpoint(at("lambda.endpoint"), d.Lambda.Endpoint)
	l.checkTimeout(at("lambda.timeout"), d.Lambda.Timeout, maxLambda, "15m")
}

func (l *loader) checkDeliverySecret(file, key string) {
	if file == "" {
		l.warn(key, "is missing: messages are not signed, so the target can't tell them from anybody's")
		return
	}
	if content, err := os.ReadFile(file); err != nil {
		l.fault(key, unreadable(err).Error())
	} else if err := webhook.CheckSecrets(file, content); err != nil {
		l.fault(key, err.Error())
	}
}
