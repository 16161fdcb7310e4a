package publish

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"time"
)

const (
	// KeptFor is how long an idempotency key is remembered after its record was written.
	KeptFor = 10 * time.Minute

	maxKeys    = 500_000     // in some 100 bytes each
	callerKeys = maxKeys / 4 // of one caller
)

var (
	// ErrOtherBody says that an idempotency key came with another message before.
	ErrOtherBody = errors.New("publish: the key belongs to another message")

	// ErrKeysFull says that no more keys can be remembered.
	ErrKeysFull = errors.New("publish: too many keys are remembered")
)

// hash is of a key, or of a message.
type hash [16]byte

// hashOf is a hash of texts, each with its length, so that no two lists are one.
func hashOf(texts ...string) (h hash) {
	sum := sha256.New()
	for _, text := range texts {
		sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		sum.Write([]byte(text))
	}
	copy(h[:], sum.Sum(nil))
	return h
}

// print is a hash of all of a message.
func (m Message) print() hash {
	texts := []string{string(m.Key), string(m.Value)}
	for _, h := range m.Headers {
		texts = append(texts, h.Name, h.Value)
	}
	return hashOf(texts...)
}

// Keys remembers what was published under which idempotency key.
type Keys struct {
	most, each int // keys of all callers, and of one

	mu      sync.Mutex // guards the rest; a leaf
	known   map[hash]kept
	running map[hash]*Attempt
	ends    []end // of those known, the first to end first
	callers map[uint64]int
}

// kept is a key whose record has come to an end.
type kept struct {
	print     hash
	caller    uint64
	offset    int64
	partition int32
	unknown   bool // whether it is in Kafka
}

// end is when a key is forgotten.
type end struct {
	key hash
	at  time.Time
}

// NewKeys returns a memory that is empty.
func NewKeys() *Keys {
	return &Keys{most: maxKeys, each: callerKeys, known: make(map[hash]kept), running: make(map[hash]*Attempt), callers: make(map[uint64]int)}
}

// Attempt is a message that is being published, or was.
type Attempt struct {
	keys   *Keys // nil: it has no key
	key    hash
	print  hash
	caller uint64
	ended  chan struct{}

	result Outcome // once it has
}

// NewAttempt is one without a key.
func NewAttempt() *Attempt { return &Attempt{ended: make(chan struct{})} }

// Begin begins an attempt for a caller, a number and a name that are nobody else's. first
// says that it is for the caller to publish. Otherwise somebody does or did, and the
// attempt tells how that ended.
func (k *Keys) Begin(caller uint64, name, stream, key string, m Message, now time.Time) (a *Attempt, first bool, err error) {
	h, print := hashOf(name, stream, key), m.print()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget(now)
	if a := k.running[h]; a != nil {
		if a.print != print {
			return nil, false, ErrOtherBody
		}
		return a, false, nil
	}
	if was, known := k.known[h]; known {
		if was.print != print {
			return nil, false, ErrOtherBody
		}
		return was.attempt(), false, nil
	}
	if len(k.known)+len(k.running) >= k.most || k.callers[caller] >= k.each {
		return nil, false, ErrKeysFull
	}
	a = &Attempt{keys: k, key: h, print: print, caller: caller, ended: make(chan struct{})}
	k.running[h] = a
	k.callers[caller]++
	return a, true, nil
}

// attempt is one that is over.
func (e kept) attempt() *Attempt {
	a := NewAttempt()
	a.result = Outcome{Partition: e.partition, Offset: e.offset}
	if e.unknown {
		a.result.Err = &Error{Unknown, "Whether Kafka has the record can't be told. This key is refused until it is forgotten."}
	}
	close(a.ended)
	return a
}

// End says how an attempt ended. A record that is not in Kafka may be sent again.
func (a *Attempt) End(o Outcome, now time.Time) {
	a.result = o
	if a.keys != nil {
		a.keys.end(a, now)
	}
	close(a.ended)
}

func (k *Keys) end(a *Attempt, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.running, a.key)
	var why *Error
	unknown := errors.As(a.result.Err, &why) && why.Fault == Unknown
	if a.result.Err != nil && !unknown {
		k.release(a.caller)
		return
	}
	k.known[a.key] = kept{a.print, a.caller, a.result.Offset, a.result.Partition, unknown}
	k.ends = append(k.ends, end{a.key, now.Add(KeptFor)})
}

// forget drops what is too old. The lock is held.
func (k *Keys) forget(now time.Time) {
	n := 0
	for ; n < len(k.ends) && !now.Before(k.ends[n].at); n++ {
		k.release(k.known[k.ends[n].key].caller)
		delete(k.known, k.ends[n].key)
	}
	if k.ends = k.ends[n:]; len(k.ends) == 0 {
		k.ends = nil
	}
}

func (k *Keys) release(caller uint64) {
	if k.callers[caller]--; k.callers[caller] == 0 {
		delete(k.callers, caller)
	}
}

// Done is closed when the attempt has come to an end.
func (a *Attempt) Done() <-chan struct{} { return a.ended }

// Outcome is how it ended, once it is done.
func (a *Attempt) Outcome() Outcome { return a.result }
