package stream

// chainLook is how far a user's chain is walked back, from its newest entry, to find the first
// that somebody has not been sent. Somebody further behind finds it by a look through the log.
const chainLook = 1024

// newestOf returns 1 + the ordinal of a user's newest entry kept; 0: there is none.
func (l *log) newestOf(uid uint32) uint64 {
	if uid == 0 || int(uid) >= len(l.last) {
		return 0
	}
	return l.last[uid].after()
}

// chainTo makes the entry to come at ordinal, under this posting of its block, the newest of a
// user's. The entry before learns of it, so that a chain can be walked on from any entry.
func (l *log) chainTo(uid uint32, ordinal uint64, number int) posting {
	if int(uid) >= len(l.last) {
		l.last = append(l.last, make([]chainEnd, int(uid)+1-len(l.last))...)
	}
	p := posting{uid: uid}
	if last := l.last[uid]; last.after() == ordinal+1 { // named twice by one event: the first counts
		return p
	} else if last != 0 {
		// Further apart than 32 bits hold, the links stay 0; the log would have 300 GB between the two.
		if back := ordinal + 1 - last.after(); back < 1<<32 {
			p.back = uint32(back)
			before := l.blocks[(last.after()-1)/blockLen-l.number]
			before.postings[uint16(last)].next = uint32(back)
		}
	}
	l.last[uid] = endOf(ordinal, number)
	return p
}

// firstOf finds a user's first entry with at least this seq: 1 + its ordinal; 0: there is none.
// known is false if it has not been found yet, after a look at so many entries; it is not
// before the ordinal then.
func (l *log) firstOf(uid uint32, seq uint64, look int) (ordinal uint64, known bool, looked int) {
	next := l.newestOf(uid)
	if next == 0 {
		return 0, true, 1
	}
	first := uint64(0)
	var exact uint64 // 1 + ordinal of the first entry of anybody's with at least this seq
	for looked = 1; looked < min(chainLook, look); looked++ {
		b, e := l.entry(next - 1)
		if e == nil || e.seq < seq {
			return first, true, looked
		}
		first = next
		if e.seq == seq {
			return first, true, looked
		}
		back := uint64(b.posting(e, uid).back)
		if back == 0 {
			return first, true, looked
		}
		next -= back
		if looked == 16 { // who goes on where it stopped has the seq of an entry of its own
			exact = l.from(seq) + 1
			if b, e := l.entry(exact - 1); e != nil && b.posting(e, uid) != nil {
				return exact, true, looked
			}
		}
	}
	at, e := l.seek(exact - 1)
	for ; e != nil && look > 0; look-- {
		if b, _ := l.entry(at); b.posting(e, uid) != nil {
			return at + 1, true, looked
		}
		looked++
		at, e = l.seek(at + 1)
	}
	return at, false, looked
}

// nextOf returns 1 + the ordinal of the user's entry after the one at an ordinal, which is theirs;
// 0: there is none.
func (l *log) nextOf(uid uint32, ordinal uint64) uint64 {
	b, e := l.entry(ordinal)
	if p := b.posting(e, uid); p.next != 0 {
		return ordinal + 1 + uint64(p.next)
	}
	return 0
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
