package eventbridge

import (
	"cmp"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"sluice/broker/deliver"
	"sluice/broker/shape"
)

// What AWS takes of an entry. Longer ones would have it refuse the whole request.
const (
	maxSource     = 256
	maxDetailType = 128
)

var (
	errNotText        = errors.New("its data is not UTF-8, and EventBridge takes nothing else")
	errLongDetailType = fmt.Errorf("the event's name has more than %d characters: set eventbridge.detail_type", maxDetailType)
)

// entry makes the entry of a message, and measures it. A message that AWS can't be asked
// to take has an outcome instead. Whether its data is a JSON object is AWS's to judge.
func (c Config) entry(m *deliver.Message) (e types.PutEventsRequestEntry, size int, why deliver.Outcome) {
	refuse := func(cause string, err error) (types.PutEventsRequestEntry, int, deliver.Outcome) {
		return e, size, deliver.Outcome{Verdict: deliver.Refused, Cause: cause, Err: err, NotAsked: true}
	}
	kind := cmp.Or(c.DetailType, m.Name, m.StreamName())
	switch {
	case len(m.Data) > c.MaxEntryBytes:
		size = len(m.Data)
	case !utf8.Valid(m.Data):
		return refuse("malformed_detail", errNotText)
	case utf8.RuneCountInString(kind) > maxDetailType || !utf8.ValidString(kind):
		return refuse("invalid_argument", errLongDetailType)
	default:
		e = types.PutEventsRequestEntry{
			Source: aws.String(c.Source), DetailType: aws.String(kind), Detail: aws.String(string(m.Data)),
			Time: aws.Time(shape.Time(m.Record.Timestamp)), Resources: []string{m.ID},
		}
		if c.Bus != "" {
			e.EventBusName = aws.String(c.Bus)
		}
		size = sizeOf(e)
	}
	if size > c.MaxEntryBytes {
		return refuse("too_large", fmt.Errorf("its entry has %d bytes, and eventbridge.max_entry_bytes is %d", size, c.MaxEntryBytes))
	}
	return e, size, why
}

// sizeOf measures an entry as AWS does: 14 bytes for the time, and all texts.
func sizeOf(e types.PutEventsRequestEntry) int {
	n := 14 + len(*e.Source) + len(*e.DetailType) + len(*e.Detail)
	for _, r := range e.Resources {
		n += len(r)
	}
	return n
}
