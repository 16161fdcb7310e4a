package stream

import (
	"hash/maphash"

	"sluice/stream/arena"
)

// users gives every user that has events in a log or subscribers a small number, the uid,
// and takes it back when neither is left. Only the whole id decides who somebody is: the
// hash finds candidates, the bytes are always compared. Nothing here holds a pointer per
// user, so that 100,000 of them cost the garbage collector nothing.
type users struct {
	hash  func([]byte) uint64 // seeded in this process, so that nobody can choose ids that collide
	index map[uint64]uint32   // hash → first uid of those with that hash
	slots [][]userSlot        // by uid, in chunks, so that growing copies nothing; the first is nobody
	made  uint32              // slots in use or free, with nobody's
	free  uint32              // first free slot, linked by next
	ids   arena.Pool          // all ids
}

type userSlot struct {
	hash uint64
	id   arena.PoolRef
	refs uint32 // postings and subscribers
	next uint32 // next uid with the same hash, or the next free slot
	subs uint32 // first of this user's subscribers; 0 none
}

const userChunk = 1 << 10

func (u *users) slot(uid uint32) *userSlot { return &u.slots[uid/userChunk][uid%userChunk] }

func newUsers() users {
	seed := maphash.MakeSeed()
	return users{hash: func(id []byte) uint64 { return maphash.Bytes(seed, id) }, index: make(map[uint64]uint32), slots: [][]userSlot{make([]userSlot, userChunk)}, made: 1}
}

func (u *users) id(uid uint32) []byte { return u.ids.Bytes(u.slot(uid).id) }

// userBytes is what a user costs besides its id: a slot, an entry in index, and one in
// each log's or state's list of users.
const userBytes = 96

// cost returns what a user costs, in bytes: what a log or a state counts for as long as
// one of its entries is the user's. The arena of the ids may waste a third.
func (u *users) cost(uid uint32) int64 { return userBytes + int64(u.slot(uid).id.Len())*4/3 }

// find returns id's uid, 0 if it has none.
func (u *users) find(id []byte) uint32 { return u.lookup(u.hash(id), id) }

func (u *users) lookup(hash uint64, id []byte) uint32 {
	uid := u.index[hash]
	for uid != 0 && string(u.id(uid)) != string(id) {
		uid = u.slot(uid).next
	}
	return uid
}

// acquire returns id's uid and counts one more reference to it.
func (u *users) acquire(id []byte) uint32 {
	hash := u.hash(id)
	uid := u.lookup(hash, id)
	if uid == 0 {
		uid = u.free
		if uid != 0 {
			u.free = u.slot(uid).next
		} else {
			uid = u.made
			if u.made++; int(uid/userChunk) == len(u.slots) {
				u.slots = append(u.slots, make([]userSlot, userChunk))
			}
		}
		ref := u.ids.Commit(append(u.ids.Room(uid, len(id)), id...))
		*u.slot(uid) = userSlot{hash: hash, id: ref, next: u.index[hash]}
		u.index[hash] = uid
	}
	u.slot(uid).refs++
	return uid
}

// release takes one reference back; the last one frees the uid.
func (u *users) release(uid uint32) {
	s := u.slot(uid)
	if s.refs--; s.refs > 0 {
		return
	}
	u.unlink(uid)
	u.ids.Release(s.id)
	*s = userSlot{next: u.free}
	u.free = uid
	if u.ids.Wasted() { // a chunk at a time, so that nobody waits for all of them
		u.ids.Clean(func(uid uint32) *arena.PoolRef { return &u.slot(uid).id })
	}
}

func (u *users) unlink(uid uint32) {
	s := u.slot(uid)
	at := u.index[s.hash]
	if at == uid {
		if s.next == 0 {
			delete(u.index, s.hash)
		} else {
			u.index[s.hash] = s.next
		}
		return
	}
	for u.slot(at).next != uid {
		at = u.slot(at).next
	}
	u.slot(at).next = s.next
}

// maxChainWalk is how far a user's chain is walked back, from its newest entry, to find
// the first that a subscriber has not been sent. One further behind finds it by a look
// through the log.
const maxChainWalk = 1024

// newestOf returns the ordinal of a user's newest entry kept.
func (l *log) newestOf(uid uint32) (newest ordinal, ok bool) {
	if uid == 0 || int(uid) >= len(l.last) {
		return 0, false
	}
	return l.last[uid].entry()
}

// chainTo makes the entry to come at an ordinal, under this posting of its block, the
// newest of a user's. The entry before learns of it, so that a chain can be walked on
// from any entry.
func (l *log) chainTo(uid uint32, to ordinal, number int) posting {
	if int(uid) >= len(l.last) {
		l.last = append(l.last, make([]chainEnd, int(uid)+1-len(l.last))...)
	}
	p := posting{uid: uid}
	if last, ok := l.last[uid].entry(); ok && last == to { // named twice by one event: the first counts
		return p
	} else if ok {
		// Further apart than 32 bits hold, the links stay 0. The log would have 300 GB
		// between the two.
		if back := to - last; back < 1<<32 {
			p.back = uint32(back)
			l.blocks[l.blockAt(last)].postings[l.last[uid].posting()].next = uint32(back)
		}
	}
	l.last[uid] = endOf(to, number)
	return p
}

// firstOf finds the ordinal of a user's first entry with at least this seq; noOrdinal:
// there is none. known is false if it has not been found yet, after a look at so many
// entries. It is not before the ordinal then.
func (l *log) firstOf(uid uint32, seq uint64, look int) (_ ordinal, known bool, looked int) {
	at, ok := l.newestOf(uid)
	if !ok {
		return noOrdinal, true, 1
	}
	first := noOrdinal // of those seen
	exact := noOrdinal // the first entry of anybody's with at least this seq
	for looked = 1; looked < min(maxChainWalk, look); looked++ {
		b, e := l.entry(at)
		if e == nil || e.seq < seq {
			return first, true, looked
		}
		first = at
		if e.seq == seq {
			return first, true, looked
		}
		back := b.posting(e, uid).back
		if back == 0 {
			return first, true, looked
		}
		at = at.before(back)
		if looked == 16 { // one that goes on where it stopped has the seq of one of its entries
			exact = l.from(seq)
			if b, e := l.entry(exact); e != nil && b.posting(e, uid) != nil {
				return exact, true, looked
			}
		}
	}
	at, e := l.seek(exact)
	for ; e != nil && look > 0; look-- {
		if b, _ := l.entry(at); b.posting(e, uid) != nil {
			return at, true, looked
		}
		looked++
		at, e = l.seek(at.next())
	}
	return at, false, looked
}

// nextOf returns the ordinal of the user's entry after the one at an ordinal, which is
// theirs; noOrdinal: there is none.
func (l *log) nextOf(uid uint32, o ordinal) ordinal {
	b, e := l.entry(o)
	if p := b.posting(e, uid); p.next != 0 {
		return o.after(p.next)
	}
	return noOrdinal
}

// posting returns an entry's posting of a user, nil if the entry is not theirs.
func (b *block) posting(e *entry, uid uint32) *posting {
	for i := range b.postings[e.posting : e.posting+uint32(e.users)] {
		if p := &b.postings[int(e.posting)+i]; p.uid == uid {
			return p
		}
	}
	return nil
}
