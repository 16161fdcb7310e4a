// Package awsauth shows AWS who the gateway is, by the SDK's chain of credentials: the
// environment, shared files, a container's or an instance's role.
//
// awsauth.go loads the chain, answer.go says what AWS's errors mean, and sign.go signs
// requests to a function's URL (Signature Version 4).
package awsauth

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

// loadTimeout bounds the reading of the environment and of shared files. Nothing else is
// asked before the first request.
const loadTimeout = 10 * time.Second

// Load reads what the chain begins with. Clients made of it try each request once, since
// deliveries have their retry, and log nothing.
func Load(region string, connections int) (aws.Config, error) {
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = connections, connections
	})
	c, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithHTTPClient(client), config.WithLogger(logging.Nop{}),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }))
	if err != nil {
		return c, err
	}
	c.Credentials = &told{c.Credentials}
	return c, nil
}

// told are credentials whose errors are known as such.
type told struct{ inner aws.CredentialsProvider }

// Retrieve implements [aws.CredentialsProvider].
func (t *told) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if t.inner == nil {
		return aws.Credentials{}, &CredentialsError{errNone}
	}
	c, err := t.inner.Retrieve(ctx)
	if err != nil {
		err = &CredentialsError{err}
	}
	return c, err
}

// Check says whether the chain has credentials now. ctx bounds how long they are waited
// for.
func Check(ctx context.Context, region string) error {
	c, err := Load(region, 0)
	if err != nil {
		return err
	}
	_, err = c.Credentials.Retrieve(ctx)
	return err
}
