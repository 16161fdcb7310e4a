package stream

import "hash/maphash"

// users gives every user that has events in a log or subscribers a small number, the uid, and
// takes it back when neither is left. Only the whole id decides who somebody is: the hash finds candidates,
// the bytes are always compared. Nothing here holds a pointer per user, so
// that 100,000 of them cost the garbage collector nothing.
type users struct {
	hash  func([]byte) uint64 // seeded in this process, so that nobody can choose ids that collide
	index map[uint64]uint32   // hash → first uid of those with that hash
	slots []userSlot          // by uid; slots[0] is nobody
	free  uint32              // first free slot, linked by next
	ids   stateArena          // all ids
}

type userSlot struct {
	hash uint64
	id   stateRef
	refs uint32 // postings and subscribers
	next uint32 // next uid with the same hash, or the next free slot
	subs uint32 // first of this user's subscribers; 0 none
}

func newUsers() users {
	seed := maphash.MakeSeed()
	return users{hash: func(id []byte) uint64 { return maphash.Bytes(seed, id) }, index: make(map[uint64]uint32), slots: make([]userSlot, 1)}
}

func (u *users) id(uid uint32) []byte { return u.ids.bytes(u.slots[uid].id) }

// userBytes is what a user costs besides its id: a slot, a place in index, and one in each log's or
// state's list of users.
const userBytes = 96

// cost returns what a user costs, in bytes: what a log or a state counts for as long as one of
// its entries is the user's. The arena of the ids may waste a third.
func (u *users) cost(uid uint32) int64 { return userBytes + int64(u.slots[uid].id.n)*4/3 }

// find returns id's uid, 0 if it has none.
func (u *users) find(id []byte) uint32 { return u.lookup(u.hash(id), id) }

func (u *users) lookup(hash uint64, id []byte) uint32 {
	uid := u.index[hash]
	for uid != 0 && string(u.id(uid)) != string(id) {
		uid = u.slots[uid].next
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
			u.free = u.slots[uid].next
		} else {
			uid = uint32(len(u.slots))
			u.slots = append(u.slots, userSlot{})
		}
		ref := u.ids.commit(append(u.ids.room(uid, len(id)), id...))
		u.slots[uid] = userSlot{hash: hash, id: ref, next: u.index[hash]}
		u.index[hash] = uid
	}
	u.slots[uid].refs++
	return uid
}

// release takes one reference back; the last one frees the uid.
func (u *users) release(uid uint32) {
	s := &u.slots[uid]
	if s.refs--; s.refs > 0 {
		return
	}
	u.unlink(uid)
	u.ids.release(s.id)
	*s = userSlot{next: u.free}
	u.free = uid
	if u.ids.wasted() { // a chunk at a time, so that nobody waits for all of them
		u.ids.clean(func(uid uint32) *stateRef { return &u.slots[uid].id })
	}
}

func (u *users) unlink(uid uint32) {
	s := &u.slots[uid]
	at := u.index[s.hash]
	if at == uid {
		if s.next == 0 {
			delete(u.index, s.hash)
		} else {
			u.index[s.hash] = s.next
		}
		return
	}
	for u.slots[at].next != uid {
		at = u.slots[at].next
	}
	u.slots[at].next = s.next
}
