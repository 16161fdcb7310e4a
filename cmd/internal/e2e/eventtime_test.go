package e2e

import (
	"fmt"
	"testing"
	"time"

	"sluice/broker/kafkatest"
)

// eventTime are the settings of a topic whose records have whatever timestamps their
// producers give them. Retention, which goes by these, is off.
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

// Records may have any timestamps. A page that comes back after a restart is sent what it
// missed and no reset. Every beginning finds what Kafka has. The state shows what was
// just written. It takes 30 s, half of it heartbeats that say that no more comes.
func TestTimestampsOfOtherTimes(t *testing.T) {
	kafka := kafkatest.Shared(t)
	config, streams := fmt.Sprintf("heartbeat: 1s\nkafka: {brokers: [%q]}\nauth: none\nlimits: {per_user: 0}\nstreams:\n", kafka.Plaintext()), []string(nil)
	at := make(map[string]func(time.Time) time.Time)
	for i, kind := range append(eventTimes, eventTimes[1]) {
		name, settings := fmt.Sprintf("time-%d", i), eventTime
		if i == len(eventTimes) {
			name, settings = "log-append-time", []string{"message.timestamp.type=LogAppendTime"}
		}
		replay := "10m"
		if i%2 == 1 {
			replay = "1ms"
		}
		kafka.CreateTopic(t, name, oneUserPartitions, settings...)
		config += fmt.Sprintf("  %s: {topic: %[1]s, user: key, subject: value:number, replay: %s} # %s\n", name, replay, kind.name)
		streams, at[name] = append(streams, name), kind.at
	}
	r := newOneUser(t.Context(), t, kafka, config, streams...)
	const each = 20
	all := func() {
		for _, name := range streams {
			r.send(name, each, at[name])
		}
	}
	shows := func(n int) {
		t.Helper()
		for _, name := range streams {
			if shown := len(stateEvents(r.ctx, t, r.gateway, "user=alice&stream="+name)); shown != n {
				t.Errorf("the state of %s shows %d of %d subjects", name, shown, n)
			}
		}
	}
	all()
	r.settle()
	shows(each)
	r.away(all)
	r.away(func() {
		all()
		r.restart()
	})
	shows(3 * each)
	for _, name := range streams {
		beginsEverywhere(r.ctx, t, kafka, r.gateway, name, r.user)
	}
	r.judge()
}
