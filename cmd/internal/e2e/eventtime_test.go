package e2e

import "time"

// eventTime are the settings of a topic whose records have whatever timestamps their producers
// give them. Retention, which goes by these, is off.
var eventTime = []string{"retention.ms=-1", "message.timestamp.after.max.ms=9223372036854775807"}

// eventTimes are the ways in which a producer's timestamps are not the time of writing.
var eventTimes = []struct {
	name string
	at   func(now time.Time) time.Time
}{
	{"now", func(now time.Time) time.Time { return now }},
	{"days ago", func(now time.Time) time.Time { return now.AddDate(0, 0, -9) }},
	{"seconds for milliseconds", func(now time.Time) time.Time { return time.UnixMilli(now.Unix()) }},
	{"the epoch", func(time.Time) time.Time { return time.UnixMilli(0) }},
	{"days ahead", func(now time.Time) time.Time { return now.AddDate(0, 0, 9) }},
	{"microseconds for milliseconds", func(now time.Time) time.Time { return time.UnixMilli(now.UnixMicro()) }},
}
