package deliver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker"
)

// A topic of dead letters also has marks, since Kafka can't take a record out. The header
// headerMark says what a mark is.
const (
	headerMark   = "sluice.mark"
	markStarted  = "started"  // the delivery has begun here: its group has had offsets
	markRedriven = "redriven" // the letter that headerLetter names was sent again
	headerLetter = "sluice.letter"
)

// Letter is a record that was given up.
type Letter struct {
	Partition int32 // of the topic of dead letters
	Offset    int64
	At        time.Time // when it was given up
	Cause     string
	Message   string
	Attempts  int
	First     time.Time // attempt
	Last      time.Time
	Record    *kgo.Record // as it was, where it was
}

// letterOf reads a letter. ok: it is one of the delivery's.
func letterOf(rec *kgo.Record, delivery string) (l Letter, ok bool) {
	if valueOf(rec, headerName) != delivery || valueOf(rec, headerMark) != "" {
		return l, false
	}
	partition, err1 := strconv.ParseInt(valueOf(rec, headerPartition), 10, 32)
	offset, err2 := strconv.ParseInt(valueOf(rec, headerOffset), 10, 64)
	if err1 != nil || err2 != nil {
		return l, false
	}
	l = Letter{
		Partition: rec.Partition, Offset: rec.Offset, At: rec.Timestamp,
		Cause: valueOf(rec, headerCause), Message: valueOf(rec, headerMessage),
		First: timeOf(rec, headerFirst), Last: timeOf(rec, headerLast),
		Record: &kgo.Record{
			Topic: valueOf(rec, headerTopic), Partition: int32(partition), Offset: offset,
			Key: rec.Key, Value: rec.Value, Timestamp: timeOf(rec, headerTimestamp),
		},
	}
	l.Attempts, _ = strconv.Atoi(valueOf(rec, headerAttempts))
	for _, h := range rec.Headers {
		if !strings.HasPrefix(h.Key, "__connect.errors.") && !strings.HasPrefix(h.Key, "sluice.") {
			l.Record.Headers = append(l.Record.Headers, h)
		}
	}
	return l, true
}

// valueOf is the last header of a name, since a dead letter's come after the record's.
func valueOf(rec *kgo.Record, name string) string {
	for i := len(rec.Headers) - 1; i >= 0; i-- {
		if rec.Headers[i].Key == name {
			return string(rec.Headers[i].Value)
		}
	}
	return ""
}

func timeOf(rec *kgo.Record, name string) time.Time {
	t, _ := time.Parse(time.RFC3339, valueOf(rec, name))
	return t
}

// letterID names a letter in its topic.
type letterID struct {
	partition int32
	offset    int64
}

func (id letterID) String() string { return fmt.Sprintf("%d/%d", id.partition, id.offset) }

func parseLetterID(text string) (id letterID, ok bool) {
	n, err := fmt.Sscanf(text, "%d/%d", &id.partition, &id.offset)
	return id, n == 2 && err == nil
}

// errEnough ends a reading.
var errEnough = errors.New("enough")

// readLetters visits each record of the topic of dead letters, up to where it ended at
// the beginning, in the order of each partition.
func (d *Delivery) readLetters(ctx context.Context, visit func(*kgo.Record) error) error {
	topic := d.config.DeadLetter
	starts, err := d.find(ctx, topic, Start{Earliest: true})
	if err != nil {
		return about("dead_letter: topic "+topic, err)
	}
	left, err := d.find(ctx, topic, Start{}) // of each partition, where it ends
	if err != nil {
		return about("dead_letter: topic "+topic, err)
	}
	from := make(map[int32]kgo.Offset)
	for p, end := range left {
		if start, ok := starts[p]; ok && start < end {
			from[p] = kgo.NewOffset().At(start)
		} else {
			delete(left, p)
		}
	}
	if len(left) == 0 {
		return nil
	}
	cl, err := broker.NewClient(d.kafka, "deliver_"+d.config.Name+"_letters", d.log,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxBytes(fetchBytes),
		kgo.MaxDecompressBatchBytes(maxProduced))
	if err != nil {
		return err
	}
	defer cl.Close()
	for len(left) > 0 {
		fetches := cl.PollRecords(ctx, pollRecords)
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, e := range fetches.Errors() {
			if !kerr.IsRetriable(e.Err) {
				return about("dead_letter: topic "+topic, e.Err)
			}
		}
		for it := fetches.RecordIter(); !it.Done(); {
			rec := it.Next()
			end, wanted := left[rec.Partition]
			if !wanted {
				continue
			}
			if rec.Offset+1 >= end {
				delete(left, rec.Partition)
			}
			if rec.Offset >= end || rec.Attrs.IsControl() {
				continue
			}
			if err := visit(rec); errors.Is(err, errEnough) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// scanTimeout bounds the search for a trace of a delivery that has run before.
const scanTimeout = 5 * time.Minute

// hasRunBefore reports whether the topic of dead letters has a trace of this delivery and
// its group. The group's offsets don't tell: Kafka forgets them.
func (d *Delivery) hasRunBefore(ctx context.Context) (ran bool, err error) {
	if d.config.DeadLetter == "" {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scanTimeout)
	defer cancel()
	err = d.readLetters(ctx, func(rec *kgo.Record) error {
		if valueOf(rec, headerName) == d.config.Name && valueOf(rec, headerGroup) == d.config.groupName() {
			ran = true
			return errEnough
		}
		return nil
	})
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		err = nil
	}
	return ran, err
}

// markStart leaves a trace that the delivery has run.
func (d *Delivery) markStart(ctx context.Context) {
	if d.config.DeadLetter == "" {
		return
	}
	mark := &kgo.Record{Topic: d.config.DeadLetter, Headers: []kgo.RecordHeader{
		header(headerName, d.config.Name), header(headerGroup, d.config.groupName()), header(headerMark, markStarted),
	}}
	if err := writeLetter(ctx, d.client, mark); err != nil {
		d.log.Error("nothing can be written to dead_letter: a record that is given up will stay, and its key wait", "error", plainText(err))
	}
}
