package awsauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"sluice/broker/deliver"
	"sluice/shown"
)

// CredentialsError says that the chain has no credentials.
type CredentialsError struct{ cause error }

var errNone = errors.New("there are none")

func (e *CredentialsError) Error() string {
	return "no AWS credentials: " + deliver.Quoted(shown.Error(e.cause).Error())
}
func (e *CredentialsError) Unwrap() error { return e.cause }

// Outcome says what an error of a request means. Without credentials nothing can be
// sent, as if AWS were down: attempts aren't used up by that.
func Outcome(ctx context.Context, err error) deliver.Outcome {
	var (
		credentials *CredentialsError
		api         smithy.APIError
		answer      *awshttp.ResponseError
	)
	switch {
	case errors.As(err, &credentials):
		return deliver.Outcome{Verdict: deliver.Failed, Cause: "no_credentials", Err: credentials, Down: true}
	case errors.As(err, &api):
		o := ByCode(api.ErrorCode(), api.ErrorMessage())
		if errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError && o.Cause == causeOther {
			o.Cause, o.Down = causeInternal, true
		}
		return o
	case errors.As(err, &answer): // it isn't AWS's own: a proxy's
		status := answer.HTTPStatusCode()
		return deliver.Outcome{
			Verdict: deliver.Failed, Cause: fmt.Sprintf("status_%d", status), Err: fmt.Errorf("AWS answered %d", status),
			Down: status >= http.StatusInternalServerError,
		}
	}
	return deliver.Outcome{Verdict: deliver.Failed, Cause: deliver.NetworkCause(ctx, err), Err: shown.Error(err), Down: true}
}

const (
	causeInternal = "internal_failure"
	causeOther    = "aws_error"
)

// ByCode says what AWS's word for an error means. What may be the fault of a permission
// or of a name in the configuration is tried again.
func ByCode(code, message string) deliver.Outcome {
	o := deliver.Outcome{Verdict: deliver.Failed, Cause: causeOther, Err: fmt.Errorf("AWS answered %s", deliver.Quoted(code))}
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(code, part) {
				return true
			}
		}
		return false
	}
	switch {
	case has("Throttl", "TooManyRequests", "LimitExceeded", "SlowDown"):
		o.Cause, o.Down = "throttled", true
	case has("Internal", "ServiceUnavailable", "ServiceException"):
		o.Cause, o.Down = causeInternal, true
	case has("Signature", "Token", "UnrecognizedClient"):
		o.Cause = "not_authorized"
		return o // its message may repeat what was signed
	case has("AccessDenied", "NotAuthorized", "OptInRequired"):
		o.Cause = "not_authorized"
	case has("NotFound"):
		o.Cause = "not_found"
	case has("MalformedDetail"):
		o.Verdict, o.Cause = deliver.Refused, "malformed_detail"
	case has("InvalidArgument", "InvalidRequestContent"):
		o.Verdict, o.Cause = deliver.Refused, "invalid_argument"
	case has("TooLarge"):
		o.Verdict, o.Cause = deliver.Refused, "too_large"
	case has("Validation", "Serialization", "InvalidParameter"):
		o.Cause = CauseValidation
	}
	if message != "" {
		o.Err = fmt.Errorf("%w: %s", o.Err, deliver.Quoted(message))
	}
	return o
}

// CauseValidation is the cause of a request that AWS refuses as a whole.
const CauseValidation = "validation"
