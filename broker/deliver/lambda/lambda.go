// Package lambda delivers records to an AWS Lambda function, by Invoke. The gateway waits
// for the function's answer: only then is the record delivered.
//
// lambda.go invokes, and answer.go says what an answer means.
package lambda

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sluice/broker/deliver"
	"sluice/broker/deliver/awsauth"
	"sluice/broker/shape"
)

// Config is a target.
type Config struct {
	Function    string // name, name:alias or ARN
	Region      string
	Endpoint    string // "": that of the region
	Timeout     time.Duration
	Concurrency int // connections that are kept
	IDs         shape.RecordID
}

// Target invokes one function. It implements [deliver.Target].
type Target struct {
	config Config
	client *lambda.Client
}

// New makes a target. AWS isn't asked yet.
func New(c Config) (*Target, error) {
	loaded, err := awsauth.Load(c.Region, c.Concurrency)
	if err != nil {
		return nil, err
	}
	t := &Target{config: c}
	t.client = lambda.NewFromConfig(loaded, func(o *lambda.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
	})
	return t, nil
}

// String names the function.
func (t *Target) String() string { return Name(t.config.Function, t.config.Region) }

// Name is a function as operators are shown it.
func Name(function, region string) string { return "Lambda function " + function + " in " + region }

// Send implements [deliver.Target].
func (t *Target) Send(ctx context.Context, m *deliver.Message) deliver.Outcome {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	answer, err := t.client.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String(t.config.Function), InvocationType: types.InvocationTypeRequestResponse, Payload: m.CloudEvent(t.config.IDs),
	})
	if err != nil {
		return awsauth.Outcome(ctx, err)
	}
	return outcome(aws.ToString(answer.FunctionError), answer.Payload)
}
