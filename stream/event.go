package stream

import (
	"slices"
	"strconv"
	"time"

	"sluice/stream/sse"
)

// Audience says who may be sent a stream's events.
type Audience uint8

const (
	// AudienceUser sends each event to the users it names, and to no one else.
	AudienceUser Audience = iota
	// AudienceEveryone sends each event to every subscriber of the stream.
	AudienceEveryone
)

// Spec describes one stream of a [Hub].
type Spec struct {
	Several     bool          // it has several topics, which come and go: see Hub.AddTopic
	Name        string        // [a-z][a-z0-9-]*, as [cursor.ValidName] has it
	Audience    Audience      // whose events they are
	Replay      time.Duration // how long an event is kept, from when this gateway read it; 0 is no bound
	ReplayBytes int64         // bytes of log kept, bookkeeping included; 0 is no bound
	State       StateBounds   // of the latest event of each subject
}

// Event is one decoded record, as package broker hands it to [Hub.Publish] or to a
// catch-up pass. Its slices are only read during that call: the hub copies what it keeps.
type Event struct {
	Partition int32
	Offset    int64
	Timestamp int64    // the record's, milliseconds since 1970; whatever a producer wrote
	Key       []byte   // the record's; nil: none. Only the state looks at it
	Tombstone bool     // the record has no value; only the state looks at it
	Users     [][]byte // distinct, at most 100; not looked at for AudienceEveryone
	Subject   []byte   // what it is about; empty: nothing
	Name      string   // the SSE event name; "" is an unnamed event (a browser's "message")
	Data      []byte   // the payload as it is; framing keeps it from forging fields

	// Hidden says that nobody is sent it: only its place in the state counts.
	Hidden bool
	// ByKey says that it takes the place of all earlier ones of its key, as on a
	// compacted topic.
	ByKey bool

	// Former are users who had what the event is about, and have it no longer. They are
	// sent an event "delete" with FormerData instead. With FormerFromState they are
	// those who have what the state has of its key.
	Former          [][]byte
	FormerFromState bool
	FormerSubject   []byte
	FormerData      []byte
}

// ResetEvent is the name of the event that says a position had to move. Clients that show
// state load it anew.
const ResetEvent = "sluice.reset"

// Refusal is a record that is no event.
type Refusal struct {
	Partition int32
	Offset    int64
	Timestamp int64  // the record's own, ms
	Reason    string // one of a few words
	Detail    string // the same in more words; "": there are none. It quotes no record.
	Intended  bool   // the stream's rules leave it out, and nothing is wrong with it
}

// Reason says why a position had to move.
type Reason string

// The reasons for a reset.
const (
	ReasonRetention Reason = "retention" // Kafka's retention removed records; goes on at the oldest left
	ReasonRecreated Reason = "recreated" // the topic was deleted and created again; goes on at the new one's start. One of a stream's several topics may just have been deleted
	ReasonTruncated Reason = "truncated" // Kafka lost records before the position (an unclean election), or never had them; goes on where it parted
	ReasonCompacted Reason = "compacted" // older than delete.retention.ms: deletes may be missing; goes on where it was
	ReasonBounds    Reason = "bounds"    // further behind than catch-up may read; goes on live
	ReasonInvalid   Reason = "invalid"   // the id, or its part for a stream, could not be read; goes on live
	ReasonScope     Reason = "scope"     // the position was taken under another filter; goes on live
	ReasonLagged    Reason = "lagged"    // the client was too slow and chose not to be closed; goes on live
)

// Reset says that a position moved, and in which partitions.
type Reset struct {
	ID         string // the new position; "" where another reset follows before it is reached
	Reason     Reason
	Stream     string  // "" for an id that could not be read at all
	Partitions []Moved // ascending; empty for ReasonInvalid and ReasonScope, which concern all

	discreet bool // its data names partitions without their offsets
}

// discreet keeps offsets out of the data of resets where they are nobody's to know. It
// says of which topics partitions are.
func (h *Hub) discreet(resets []Reset) []Reset {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range resets {
		resets[i].discreet = h.ids.Sealed()
		if stream, known := h.Lookup(resets[i].Stream); known {
			resets[i].Partitions = h.logs[stream].named(resets[i].Partitions)
		}
	}
	return resets
}

// resetBody returns the frame of a reset, without the id.
func (h *Hub) resetBody(r Reset) []byte {
	r.discreet = h.ids.Sealed()
	if stream, known := h.Lookup(r.Stream); known {
		r.Partitions = h.logs[stream].named(r.Partitions)
	}
	return sse.AppendBody(nil, ResetEvent, r.AppendJSON(nil))
}

// Moved is a partition whose position moved: events from From up to, not including, To
// are not sent. To may be below From where offsets began anew. From is Unknown to the
// gateway where its log has moved past the position. Then the client's last id says it.
//
// To is [Gone] where a topic was deleted, which JSON has as 0: should it come again, it
// begins there.
type Moved struct {
	Partition int32
	From, To  int64
	Topic     string // of a stream of several; "" otherwise, and if nobody knows it any more

	isNamed bool // Partition is the topic's, and not the stream's
}

// Unknown is a [Moved].From that is below every position.
const Unknown = -1

// AppendJSON appends the data of the reset's event.
func (r Reset) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"reason":"`...)
	dst = append(dst, r.Reason...) // reasons and stream names need no escape
	if r.Stream != "" {
		dst = append(dst, `","stream":"`...)
		dst = append(dst, r.Stream...)
	}
	dst = append(dst, `","partitions":[`...)
	for i, m := range r.Partitions {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		if m.Topic != "" && !r.discreet {
			dst = append(dst, `"topic":"`...)
			dst = append(append(dst, m.Topic...), `",`...) // names need no escape
		}
		dst = append(dst, `"partition":`...)
		dst = strconv.AppendInt(dst, int64(m.Partition), 10)
		if !r.discreet {
			dst = append(dst, `,"from":`...)
			dst = strconv.AppendInt(dst, m.From, 10)
			dst = append(dst, `,"to":`...)
			if m.To == Gone {
				m.To = 0
			}
			dst = strconv.AppendInt(dst, m.To, 10)
		}
		dst = append(dst, '}')
	}
	return append(dst, "]}"...)
}

// toFormer returns the event that tells those who had what ev is about, and have it no
// longer; false: it names nobody.
func (ev *Event) toFormer() (Event, bool) {
	return Event{
		Partition: ev.Partition, Offset: ev.Offset, Timestamp: ev.Timestamp,
		Users: ev.Former, Subject: ev.FormerSubject, Name: "delete", Data: ev.FormerData,
	}, len(ev.Former) > 0
}

// withFormer is all that a record tells as one event: whose it is, and who had it.
func (ev *Event) withFormer(gone Event) *Event {
	if !ev.Hidden {
		gone.Name, gone.Subject = ev.Name, ev.Subject
		gone.Users = slices.Concat(ev.Users, gone.Users)
	}
	return &gone
}

// former is [Event.toFormer], and asks the state where the event doesn't say who it was.
// The state must not have the event yet. The hub's lock is held.
func (l *log) former(ev *Event) (gone Event, some bool) {
	if len(ev.FormerData) == 0 || l.spec.Audience != AudienceUser {
		return Event{}, false
	}
	if gone, some = ev.toFormer(); ev.FormerFromState && l.state != nil {
		gone.Users, gone.Subject = l.state.holders(ev, gone.Subject)
		some = len(gone.Users) > 0
	}
	return gone, some
}

// holders returns the users who have what the table has of an event's key, in the event's
// partition, and whom the event doesn't name. It also returns what that is about, unless
// it is known.
func (t *stateTable) holders(ev *Event, subject []byte) ([][]byte, []byte) {
	var users [][]byte
	if ev.Key == nil || t.everyone {
		return nil, subject
	}
	for id := t.byKey.head(t, t.hash(ev.Key), ev.Key, ev.Partition); id != 0; {
		s := t.slots.at(id)
		if len(subject) == 0 {
			subject = slices.Clone(t.subject(s))
		}
		for n := s.posting; n != 0; n = t.postings[n].other {
			user := t.users.id(t.postings[n].uid)
			if !named(ev.Users, user) && !named(users, user) {
				users = append(users, slices.Clone(user)) // what the table has of it may go with ev
			}
		}
		id = s.links[1].next
	}
	return users, subject
}

func named(users [][]byte, user []byte) bool {
	return slices.ContainsFunc(users, func(u []byte) bool { return string(u) == string(user) })
}
