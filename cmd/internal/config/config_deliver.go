package config

import "time"

// Delivery hands a stream's records, or a topic's, to a program.
type Delivery struct {
	Name        string
	Stream      string // whose topic, decoding and shape it has; "": Topic
	Topic       string
	Filter      string // jq, on the shape; "" all
	Group       string // of consumers; "": sluice-NAME
	From        string // where it begins
	Window      DeliveryWindow
	HTTP        HTTPTarget
	KafkaTopic  string // instead of HTTP
	EventBridge EventBridgeTarget
	Lambda      LambdaTarget
	Concurrency int
	Rate        Rate
	Retry       DeliveryRetry
	DeadLetter  string // topic; "" what can't be delivered stays
}

// DeliveryWindow bounds what is read ahead of an undelivered record, of each partition.
type DeliveryWindow struct {
	Records int
	Bytes   Size
}

// DeliveryRetry says when a record is tried again.
type DeliveryRetry struct {
	Min, Max time.Duration
	Attempts int
	MaxAge   time.Duration
}

// HTTPTarget is a webhook; an empty URL means none.
type HTTPTarget struct {
	URL          string
	SecretFile   string // a secret a line; "" messages are not signed
	CloudEvents  string
	Timeout      time.Duration
	AllowPrivate bool

	GoogleAudience        string // "": no identity token is shown
	GoogleCredentialsFile string // "": the metadata server has the token
	AWSRegion, AWSService string // "" region: requests aren't signed for AWS
}

// EventBridgeTarget is a bus of Amazon EventBridge; an empty Region means none.
type EventBridgeTarget struct {
	Bus           string // "": the default bus
	Region        string
	Source        string
	DetailType    string // "": the event's name
	Endpoint      string // "": the region's
	MaxEntryBytes Size
}

// LambdaTarget is an AWS Lambda function that is invoked; an empty Function means none.
type LambdaTarget struct {
	Function string
	Region   string
	Endpoint string // "": the region's
	Timeout  time.Duration
}

// targetSections are the sections of a delivery's targets, of which it has one.
var targetSections = []string{"http", "kafka", "eventbridge", "lambda"}
