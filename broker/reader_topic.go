package broker

import (
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/record"
	"sluice/stream"
)

// topic is a topic that is followed. Reader.mu guards all of it.
type topic struct {
	name    string
	views   []*view       // the streams that show it now; replaced as a whole
	several []*view       // those of several topics, whether or not they show it
	isNew   bool          // it was created since the reader began
	replay  time.Duration // the longest of its views
	shaping *shaping      // nil: all views show records as they come
	log     *slog.Logger

	state     bool          // one of its views keeps its state
	stateAge  time.Duration // the longest of theirs; 0: no bound
	compacted bool          // as it was when reading began

	stop         func()    // ends its shaping; nil: it has none
	missingSince time.Time // since when brokers say that they don't have it; zero: they don't say so
	missed       int       // rounds in a row in which they said it

	begun             bool
	identity          identity // which topic it is; only the watch uses it
	id                topicID
	epoch             string
	next              []int64        // the position, by partition
	base              []int64        // where the sink's log starts; offsets before it are read only for the state
	stateFrom         []int64        // where reading for the state starts
	firstOffsets      []int64        // the first offsets that Kafka has, as the sink was told; nil: there is no state
	lastStableOffsets []int64        // as of the last round
	nextBefore        []int64        // the position as of the last round
	lost              map[int32]bool // partitions whose position Kafka doesn't have

	lineages        []lineage           // by partition, as the sink was told
	renewed         bool                // it was created anew, and the new one is not read yet
	leaderlessSince map[int32]time.Time // partitions whose leader does not answer, since when
	unbegun         map[int32]int32     // partitions without a leader when reading began, with their leader epoch at that time; they are not read yet
	pausedSince     map[int32]time.Time // partitions that are not fetched for a while, since when
	resumedAt       time.Time           // when a partition was last resumed

	fetchFaults map[int32]fetchFault // partitions whose fetches fail
	stuckSince  map[int32]time.Time  // partitions with records that Kafka does not send, since when
	deliveredAt map[int32]time.Time  // when records of a partition last came

	highWatermarks    []int64   // as of the question before the last; -1: unknown
	newHighWatermarks []int64   // as of the last question; nil: they have become the highWatermarks
	endsAskedAt       time.Time // when lastStableOffsets was last asked

	heldSince time.Time // since when reading waits for leaders before it begins; zero: it does not

	warm        bool
	warmOffsets []int64 // the last stable offsets at start: the topic is warm from there on

	answeredAt      time.Time       // when Kafka last answered all questions about the topic
	staleSince      time.Time       // answeredAt, if that is too long ago; else zero
	outage          string          // why the topic can't be read, in plain words
	exists          bool            // as Kafka last said
	unreadableSince time.Time       // since when it doesn't exist or may not be read; zero: it can be
	forbidden       bool            // Kafka last said that this user may not read it
	complaints      map[string]bool // complaints since all was well
	announced       bool            // the log says that all is well
}

func newTopic(name string, log *slog.Logger) *topic {
	return &topic{
		name: name, log: log.With("topic", name), lost: make(map[int32]bool), leaderlessSince: make(map[int32]time.Time),
		unbegun: make(map[int32]int32), pausedSince: make(map[int32]time.Time),
		fetchFaults: make(map[int32]fetchFault), stuckSince: make(map[int32]time.Time), deliveredAt: make(map[int32]time.Time),
	}
}

// view is one stream of a topic.
type view struct {
	stream  int // index in the sink
	name    string
	state   bool
	decoder *record.Decoder

	several    *Topics // nil: the stream has one topic
	key        string  // the topic's, while the stream shows it; "": it doesn't
	partitions []int32 // of the stream, by number in the topic
	admitted   bool    // there is room for it in ids
	unadmitted string  // why not

	ready []shaped // of the records that are being handed on; nil: they are decoded then
	err   error    // what was wrong with the last of them, in more words

	records uint64
	events  uint64
	jumps   map[stream.Reason]uint64
	refused map[record.Refusal]*refusalCount // by single refusal
}

// refusalCount counts the records with one refusal, and limits its log lines.
type refusalCount struct {
	n     uint64
	last  RefusedRecord
	limit limit
}

// RefusedRecord says where a record is that is no event.
type RefusedRecord struct {
	Topic     string
	Partition int32
	Offset    int64
	At        time.Time // when it was read
}

func newView(index int, s StreamConfig, d *record.Decoder) *view {
	v := &view{stream: index, name: s.Name, state: s.State, decoder: d, jumps: newJumpCounts(), refused: make(map[record.Refusal]*refusalCount)}
	for _, one := range record.Refusals() {
		v.refused[one] = new(refusalCount)
	}
	return v
}

// isOther reports whether an id is not this topic's. Brokers without ids have none to
// compare.
func (t *topic) isOther(id topicID) bool { return id != (topicID{}) && id != t.id }

// behind is how many offsets are still to be read.
func (t *topic) behind() (n int64) {
	for p, end := range t.lastStableOffsets {
		n += max(0, end-t.next[p])
	}
	return n
}

// complain logs what is wrong. Each thing is logged once until all is well again, so two
// that alternate are no flood.
func (t *topic) complain(text string) {
	if t.complaints[text] {
		return
	}
	if t.complaints == nil {
		t.complaints = make(map[string]bool)
	}
	t.complaints[text] = true
	t.log.Warn("waiting for the topic", "why", text)
}

// recovered logs that all is well, the first time and after each complaint.
func (t *topic) recovered() {
	if t.complaints != nil || !t.announced {
		t.complaints, t.announced = nil, true
		t.log.Info("reading the topic", "epoch", t.epoch, "partitions", len(t.next))
	}
}

// limitEvery is the time between two log lines about one refusal.
const limitEvery = 10 * time.Second

// limit holds back repeated log lines.
type limit struct {
	last       time.Time
	suppressed uint64
}

// allow reports whether a line may be logged now, and how many have been held back since
// the last.
func (l *limit) allow(now time.Time) (suppressed uint64, ok bool) {
	if !l.last.IsZero() && now.Sub(l.last) < limitEvery {
		l.suppressed++
		return 0, false
	}
	suppressed, l.suppressed, l.last = l.suppressed, 0, now
	return suppressed, true
}

// skipBatch counts the records of a batch that was not unpacked, and logs it as
// noteRefused does.
func (v *view) skipBatch(log *slog.Logger, topic string, partition int32, first, next int64) {
	r := v.refused[record.BatchTooLarge]
	v.records += uint64(next - first)
	r.n += uint64(next - first)
	now := time.Now()
	r.last = RefusedRecord{topic, partition, first, now}
	if suppressed, ok := r.limit.allow(now); ok {
		log.Warn("records are not what the stream expects: "+record.BatchTooLarge.Text(), "stream", v.name, "reason", record.BatchTooLarge.String(),
			"partition", partition, "offset", first, "next", next, "more_since_last", suppressed)
	}
}

// noteRefused counts what is wrong with a record, and logs it at a limited rate. It logs
// neither key nor value, since they may be personal data. It
// logs nothing of what the stream's rules leave out.
func (v *view) noteRefused(log *slog.Logger, rec *kgo.Record, refused record.Refusal) {
	now := time.Now()
	refused.Each(func(one record.Refusal) {
		r := v.refused[one]
		r.n++
		r.last = RefusedRecord{rec.Topic, rec.Partition, rec.Offset, now}
		if one.Intended() {
			return
		}
		if suppressed, ok := r.limit.allow(now); ok {
			more := []any{"stream", v.name, "reason", one.String(), "partition", rec.Partition, "offset", rec.Offset, "more_since_last", suppressed}
			if v.err != nil && one.Explained() {
				more = append(more, "error", v.err)
			}
			log.Warn("a record is not what the stream expects: "+one.Text(), more...)
		}
	})
}

// refusal says why a record is no event.
func (v *view) refusal(rec *kgo.Record, refused record.Refusal) stream.Refusal {
	why := refused.Undelivered()
	r := stream.Refusal{Partition: v.at(rec.Partition), Offset: rec.Offset, Timestamp: rec.Timestamp.UnixMilli(), Reason: why.String(), Intended: why.Intended()}
	if v.err != nil && why.Explained() {
		r.Detail = v.err.Error()
	}
	return r
}

// noteUnreadable notes that the topic doesn't exist or may not be read.
func (t *topic) noteUnreadable() {
	if t.unreadableSince.IsZero() {
		t.unreadableSince = time.Now()
	}
}
