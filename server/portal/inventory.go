package portal

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// Inventory is what the topic has, for an operator.
type Inventory struct {
	keys   *registry
	noKeys atomic.Int64
}

// Listed is a key or a ticket of an [Inventory].
type Listed struct {
	ID, Kind, Owner, Name, State string

	Streams, Actions []string // nil: all
	Ends             time.Time
	IsGood           bool
}

// NewInventory returns an empty one.
func NewInventory() *Inventory { return &Inventory{keys: newRegistry()} }

// Hear takes a record of the topic.
func (i *Inventory) Hear(key string, text []byte) {
	if text == nil {
		if _, id, ok := cutKind(key); ok {
			i.keys.forget(id)
		}
		return
	}
	now := time.Now()
	r, err := ParseRecord(key, text, now)
	if err == nil {
		_, err = i.keys.add(r, now)
	}
	if err != nil {
		i.noKeys.Add(1)
	}
}

// Rubbish is how many records were no key.
func (i *Inventory) Rubbish() int64 { return i.noKeys.Load() }

// List returns all keys and tickets, by owner and age.
func (i *Inventory) List(now time.Time) (all []Listed) {
	found := i.keys.everything()
	slices.SortFunc(found, func(a, b shown) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	for _, s := range found {
		all = append(all, Listed{
			ID: s.ID, Kind: s.Kind, Owner: s.Owner, Name: s.Name, State: s.state(now),
			Streams: s.Streams, Actions: s.Actions, Ends: s.endsAt(), IsGood: s.isGood(now),
		})
	}
	return all
}

// Revocation is the record, and its key on the topic, that ends a key or a ticket.
func Revocation(id string, now time.Time) (key string, text []byte) {
	r := Record{Kind: KindRevoked, ID: id, At: now.UTC().Truncate(time.Millisecond)}
	return r.Key(), r.Marshal()
}
