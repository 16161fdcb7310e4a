package awsauth

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Signer signs requests as AWS wants it of callers that aren't its SDK.
type Signer struct {
	region, service string
	credentials     aws.CredentialsProvider
	signer          *v4.Signer
}

// NewSigner makes a signer for a service of a region, such as lambda.
func NewSigner(region, service string) (*Signer, error) {
	c, err := Load(region, 0)
	if err != nil {
		return nil, err
	}
	return &Signer{region: region, service: service, credentials: c.Credentials, signer: v4.NewSigner()}, nil
}

// Authorize signs a request with all of its headers, and its body. The request's context
// bounds how long credentials are waited for.
func (s *Signer) Authorize(r *http.Request, body []byte) error {
	c, err := s.credentials.Retrieve(r.Context())
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	return s.signer.SignHTTP(r.Context(), c, r, hex.EncodeToString(sum[:]), s.service, s.region, time.Now())
}
