package stream

import "time"

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
	Name        string        // [a-z][a-z0-9-]*, as [cursor.ValidName] has it
	Audience    Audience      //
	Replay      time.Duration // how long an event is kept, from when this gateway read it; 0 is no bound
	ReplayBytes int64         // bytes of log kept, bookkeeping included; 0 is no bound
	State       StateBounds   // of the latest event of each subject
}

// Event is one decoded record, as broker hands it to [Hub.Publish] or to a
// catch-up pass. Its slices are only read during that call: the hub copies
// what it keeps.
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
}
