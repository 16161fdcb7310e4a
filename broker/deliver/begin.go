package deliver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Start is where a delivery begins that has never run. The zero value is the end of each
// partition.
type Start struct {
	Earliest bool
	Since    time.Duration // before now; 0: the end
	At       time.Time     // instead of Since
}

// ParseStart reads now, earliest, since:DURATION or since:TIME. The duration is read by
// the caller's function.
func ParseStart(text string, duration func(string) (time.Duration, error)) (Start, error) {
	since, isSince := strings.CutPrefix(text, "since:")
	switch {
	case text == "now":
		return Start{}, nil
	case text == "earliest":
		return Start{Earliest: true}, nil
	case isSince:
		if at, err := time.Parse(time.RFC3339, since); err == nil {
			return Start{At: at}, nil
		}
		if d, err := duration(since); err == nil && d > 0 {
			return Start{Since: d}, nil
		}
	}
	return Start{}, fmt.Errorf("%q is no place to start: write now, earliest, or since: with a duration or a time, such as since:24h or since:2026-11-01T00:00:00Z", text)
}

// LostError says that it is not known where a delivery has to go on. An operator has to
// say it. To guess would lose records, or send old ones again.
type LostError struct {
	Delivery string
	Why      string
}

func (e *LostError) Error() string {
	return fmt.Sprintf("%s. Stop all gateways that run it and say where it goes on: sluice deliver --from now|earliest|since:… %s", e.Why, e.Delivery)
}

func (d *Delivery) lost(format string, args ...any) error {
	return &LostError{d.config.Name, fmt.Sprintf(format, args...)}
}

func (d *Delivery) recreated(topic string) error {
	return d.lost("topic %s was created anew: the group's offsets are of the former one", topic)
}

// forgotten says that the group has lost the offset of a partition.
func (d *Delivery) forgotten(topic string, p int32) error {
	return d.lost("the group %s has no offset of partition %d of topic %s any more", d.config.groupName(), p, topic)
}

// begin looks whether the group's offsets are good before the delivery joins it. At the
// first start it commits those of config.From. So a record that comes later is delivered,
// however long this gateway is away.
func (d *Delivery) begin(ctx context.Context) error {
	topics, err := d.findTopics(ctx)
	if err != nil {
		d.waited = d.waited || errors.Is(err, kerr.UnknownTopicOrPartition)
		return err
	}
	d.mu.Lock()
	d.topics = idsOf(topics)
	d.mu.Unlock()
	commits, err := d.fetchCommits(ctx)
	if err != nil {
		return err
	}
	if len(commits) == 0 {
		return d.firstStart(ctx, topics)
	}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		if err := d.checkCommits(ctx, topics[name], commits[name]); err != nil {
			return err
		}
	}
	return nil
}

// fetchCommits returns what the group has committed, by topic and partition.
func (d *Delivery) fetchCommits(ctx context.Context) (map[string]map[int32]kadm.Offset, error) {
	all, err := d.admin.FetchOffsets(ctx, d.config.groupName())
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, about("group "+d.config.groupName(), err)
	}
	commits := make(map[string]map[int32]kadm.Offset)
	for topic, partitions := range all {
		if !d.config.Source.has(topic) {
			continue
		}
		for p, o := range partitions {
			if o.Err != nil {
				return nil, about("group "+d.config.groupName(), o.Err)
			}
			if o.At < 0 {
				continue
			}
			if commits[topic] == nil {
				commits[topic] = make(map[int32]kadm.Offset)
			}
			commits[topic][p] = o.Offset
		}
	}
	return commits, nil
}

// firstStart commits where the delivery begins.
func (d *Delivery) firstStart(ctx context.Context, topics map[string]kadm.TopicDetail) error {
	if ran, err := d.hasRunBefore(ctx); err != nil {
		return err
	} else if ran {
		return d.lost("the group %s has no offsets any more, though the delivery has run before: Kafka forgets them a while after the last gateway has left (offsets.retention.minutes), and when the topic is deleted", d.config.groupName())
	}
	from := d.config.From
	if d.waited {
		from = Start{Earliest: true} // what is in it came after the delivery
	}
	err := d.commitStart(ctx, topics, from)
	if hasMembers(err) {
		return nil // another gateway was first
	}
	if err != nil {
		return err
	}
	d.markStart(ctx)
	d.log.Warn("the delivery starts for the first time, or Kafka has forgotten that it has run", "topic", d.config.Source.name(), "group", d.config.groupName(), "from", from.String())
	return nil
}

func (s Start) String() string {
	switch {
	case s.Earliest:
		return "earliest"
	case !s.At.IsZero():
		return "since:" + s.At.Format(time.RFC3339)
	case s.Since > 0:
		return "since:" + s.Since.String()
	}
	return "now"
}

// find returns the offset of each partition of a topic for a start.
func (d *Delivery) find(ctx context.Context, topic string, s Start) (map[int32]int64, error) {
	var listed kadm.ListedOffsets
	var err error
	switch {
	case s.Earliest:
		listed, err = d.admin.ListStartOffsets(ctx, topic)
	case !s.At.IsZero():
		listed, err = d.admin.ListOffsetsAfterMilli(ctx, s.At.UnixMilli(), topic)
	case s.Since > 0:
		listed, err = d.admin.ListOffsetsAfterMilli(ctx, time.Now().Add(-s.Since).UnixMilli(), topic)
	default:
		// Not the high watermark: a transaction that is open now may commit later.
		listed, err = d.admin.ListCommittedOffsets(ctx, topic)
	}
	return offsetsOf(listed, err, topic)
}

// offsetsOf takes a topic's offsets out of an answer: all of them or an error.
func offsetsOf(listed kadm.ListedOffsets, err error, topic string) (map[int32]int64, error) {
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, err
	}
	at := make(map[int32]int64)
	for p, o := range listed[topic] {
		at[p] = o.Offset
	}
	return at, nil
}

// hasMembers reports whether Kafka refused to commit for a group because it has members.
func hasMembers(err error) bool {
	return errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.RebalanceInProgress)
}

// commitStart commits one start for all topics, in one request: a group that has offsets
// of some of them only would not look like one that has none.
func (d *Delivery) commitStart(ctx context.Context, topics map[string]kadm.TopicDetail, from Start) error {
	offsets := make(kadm.Offsets)
	for name, topic := range topics {
		at, err := d.find(ctx, name, from)
		if err != nil {
			return err
		}
		add(offsets, topic, at)
	}
	return d.commitAsAdmin(ctx, offsets)
}

func add(offsets kadm.Offsets, topic kadm.TopicDetail, at map[int32]int64) {
	for p, o := range at {
		offsets.Add(kadm.Offset{Topic: topic.Topic, Partition: p, At: o, LeaderEpoch: -1, Metadata: topic.ID.String()})
	}
}

// commitAsAdmin commits for a group without members.
func (d *Delivery) commitAsAdmin(ctx context.Context, offsets kadm.Offsets) error {
	done, err := d.admin.CommitOffsets(ctx, d.config.groupName(), offsets)
	if err == nil {
		err = done.Error()
	}
	if err != nil {
		return about("group "+d.config.groupName(), err)
	}
	return nil
}

// newestPartition is the newest one that has an offset; -1: none has. Partitions are
// numbered as they come, so one without an offset is new if it comes after that.
func newestPartition(commits map[int32]kadm.Offset) int32 {
	newest := int32(-1)
	for p := range commits {
		newest = max(newest, p)
	}
	return newest
}

// checkCommits looks whether a delivery that has run before can go on with a topic. A
// topic of which nothing is committed has come since: it begins at its first record.
func (d *Delivery) checkCommits(ctx context.Context, topic kadm.TopicDetail, commits map[int32]kadm.Offset) error {
	starts, err := d.find(ctx, topic.Topic, Start{Earliest: true})
	if err != nil {
		return err
	}
	listed, err := d.admin.ListEndOffsets(ctx, topic.Topic)
	ends, err := offsetsOf(listed, err, topic.Topic)
	if err != nil {
		return err
	}
	newest := newestPartition(commits)
	fresh := make(map[int32]int64)
	for _, p := range slices.Sorted(maps.Keys(starts)) {
		c, ok := commits[p]
		switch {
		case !ok && p > newest:
			fresh[p] = starts[p]
		case !ok:
			return d.forgotten(topic.Topic, p)
		case c.Metadata != "" && c.Metadata != topic.ID.String() && topic.ID != (kadm.TopicID{}):
			return d.recreated(topic.Topic)
		case c.At < starts[p]:
			return d.lost("records of topic %s that were not delivered are gone: partition %d begins at offset %d, and the delivery is at %d (retention)", topic.Topic, p, starts[p], c.At)
		case c.At > ends[p]:
			return d.lost("partition %d of topic %s ends at offset %d, and the delivery is at %d: records were lost in Kafka, or the topic was created anew", p, topic.Topic, ends[p], c.At)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	offsets := make(kadm.Offsets)
	add(offsets, topic, fresh)
	err = d.commitAsAdmin(ctx, offsets)
	if hasMembers(err) {
		return nil // the group's members see to it
	}
	return err
}

// Move commits where the delivery goes on. No gateway may run it meanwhile.
func (d *Delivery) Move(ctx context.Context, to Start) error {
	topics, err := d.findTopics(ctx)
	if err != nil {
		return err
	}
	err = d.commitStart(ctx, topics, to)
	if hasMembers(err) {
		return fmt.Errorf("the delivery %s runs: stop all gateways that have it, and say this again", d.config.Name)
	}
	if err == nil {
		d.log.Info("the delivery was moved", "audit", true, "from", to.String(), "group", d.config.groupName())
	}
	return err
}
