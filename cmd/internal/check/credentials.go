package check

import (
	"context"
	"time"

	"sluice/broker/deliver/awsauth"
	"sluice/cmd/internal/config"
)

// credentialsTimeout bounds the search for AWS credentials. Elsewhere than on AWS nothing
// answers where a machine's role is asked for.
const credentialsTimeout = 3 * time.Second

// judgeCredentials says which deliveries to AWS lack credentials. The gateway may run
// where there are some, so that is no fault.
func (r *result) judgeCredentials(ctx context.Context, c *config.Config) {
	for i := range c.Deliveries {
		d := &c.Deliveries[i]
		for key, region := range map[string]string{"eventbridge": d.EventBridge.Region, "lambda": d.Lambda.Region, "http.aws_sigv4": d.HTTP.AWSRegion} {
			if region == "" {
				continue
			}
			limited, cancel := context.WithTimeout(ctx, credentialsTimeout)
			if err := awsauth.Check(limited, region); err != nil {
				r.add(c.Warning("deliveries."+d.Name+"."+key+".region", err.Error()+"; nothing would be delivered"))
			}
			cancel()
		}
	}
}
