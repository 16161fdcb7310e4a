package response

import (
	"time"

	"sluice/stream"
)

// UTC is a time as JSON has it, which can't write every year.
func UTC(t time.Time) *time.Time {
	t = stream.BoundTime(t).UTC().Truncate(time.Millisecond)
	return &t
}

// UTCOrNil is a time as JSON has it; nil for the zero time.
func UTCOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return UTC(t)
}

// Stamp is a time as text, in whole seconds.
func Stamp(t time.Time) string { return stream.BoundTime(t).UTC().Format(time.RFC3339) }
