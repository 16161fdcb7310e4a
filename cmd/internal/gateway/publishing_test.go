package gateway

import (
	"errors"
	"fmt"
	"testing"

	kafkapublish "sluice/broker/publish"
	"sluice/server/publish"
)

// What isn't known to be a refusal may be in Kafka.
func TestFaultsOfThePublisherInTheServersWords(t *testing.T) {
	for err, want := range map[error]publish.Fault{
		kafkapublish.ErrMessage: publish.BadMessage, kafkapublish.ErrSchema: publish.BadSchema, kafkapublish.ErrUnsupported: publish.Unsupported,
		kafkapublish.ErrTooLarge: publish.TooLarge, kafkapublish.ErrNotWritten: publish.NotWritten, kafkapublish.ErrUnconfirmed: publish.Unknown,
		errors.New("another"): publish.Unknown,
	} {
		if got := faultOf(fmt.Errorf("wrapped: %w", err)); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}
