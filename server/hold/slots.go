package hold

// slots are a worker's connections, in chunks: growing moves none, so a reserved slot may
// be reached while others are added.
type slots[T any] [][]slot[T]

const slotChunk = 1 << 10

// slot is one connection. It holds no pointer if T holds none.
type slot[T any] struct {
	links
	fd      int32 // next to links: there it fills a gap
	t       T
	gen     uint32 // of the descriptor, to know an event for the one that had the slot before
	state   state
	framing framing
	secure  bool // TLS: has an entry in worker.secures
	again   bool // in the worker's list of those to be filled again
}

// framing is how a connection's bytes are told apart.
type framing uint8

const (
	toTheEnd framing = iota // HTTP/1.0: the body is all up to the end
	chunked                 // HTTP/1.1: the body is chunked
	talking                 // the protocol's own, and the client is listened to
)

type state uint8

const (
	unused    state = iota // or reserved
	open                   // has all that was written
	blocked                // the socket is full: the rest is in worker.rests
	lingering              // the end was written; waits for the client to have read it
)

// isOpen reports whether there is more to come.
func (s *slot[T]) isOpen() bool { return s.state == open || s.state == blocked }

func (s slots[T]) at(i uint32) *slot[T] { return &s[i/slotChunk][i%slotChunk] }

func (s slots[T]) links(i uint32) *links { return &s.at(i).links }
