package deliver

import (
	"context"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The headers of a dead letter. Where Kafka Connect has a name for it, it is that one.
const (
	headerTopic     = "__connect.errors.topic"
	headerPartition = "__connect.errors.partition"
	headerOffset    = "__connect.errors.offset"
	headerName      = "__connect.errors.connector.name"
	headerStage     = "__connect.errors.stage"
	headerMessage   = "__connect.errors.exception.message"
	headerGroup     = "sluice.group"
	headerCause     = "sluice.cause"
	headerAttempts  = "sluice.attempts"
	headerFirst     = "sluice.first_attempt"
	headerLast      = "sluice.last_attempt"
	headerTimestamp = "sluice.timestamp" // of the record
)

// The stages of a dead letter, of those that Kafka Connect has.
const (
	stageDecode = "VALUE_CONVERTER" // it could not be decoded or shaped
	stageSend   = "TASK_PUT"
)

// maxMessage bounds what a target's answer takes of a dead letter.
const maxMessage = 1000

// burial is a record that is given up.
type burial struct {
	rec         *kgo.Record
	why         Outcome
	decoded     bool
	attempts    int
	first, last time.Time
}

func (it *item) burial() *burial {
	return &burial{rec: it.rec, why: it.why, decoded: it.msg != nil, attempts: it.attempts, first: it.first, last: it.last}
}

// letter is the record that is written to the topic of dead letters. Key, value and
// headers are as they were. Further headers say where it comes from and why. The
// timestamp is not the record's, since retention would go by that.
func (b *burial) letter(topic, delivery, group string) *kgo.Record {
	stage := stageSend
	if !b.decoded {
		stage = stageDecode
	}
	message := b.why.Cause
	if b.why.Err != nil {
		message = b.why.Err.Error()
	}
	headers := append(b.rec.Headers[:len(b.rec.Headers):len(b.rec.Headers)],
		header(headerTopic, b.rec.Topic),
		header(headerPartition, strconv.Itoa(int(b.rec.Partition))),
		header(headerOffset, strconv.FormatInt(b.rec.Offset, 10)),
		header(headerName, delivery),
		header(headerGroup, group),
		header(headerStage, stage),
		header(headerMessage, cut(message, maxMessage)),
		header(headerCause, b.why.Cause),
		header(headerAttempts, strconv.Itoa(b.attempts)),
		header(headerFirst, timeText(b.first)),
		header(headerLast, timeText(b.last)),
		header(headerTimestamp, timeText(b.rec.Timestamp)),
	)
	return &kgo.Record{Topic: topic, Key: b.rec.Key, Value: b.rec.Value, Headers: headers}
}

func header(key, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: key, Value: []byte(value)}
}

func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// cut shortens a text to so many bytes, at the end of a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// producer writes records and waits until all of Kafka's replicas have them.
type producer interface {
	ProduceSync(ctx context.Context, rs ...*kgo.Record) kgo.ProduceResults
}

// writeLetter writes one dead letter.
func writeLetter(ctx context.Context, p producer, letter *kgo.Record) error {
	if err := p.ProduceSync(ctx, letter).FirstErr(); err != nil {
		return about("dead_letter: topic "+letter.Topic, err)
	}
	return nil
}
