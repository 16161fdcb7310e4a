package stream

// chainLook is how far a user's chain is walked back, from its newest entry, to find the first
// that a subscriber has not been sent. One further behind finds it by a look through the log.
const chainLook = 1024

// newestOf returns the ordinal of a user's newest entry kept.
func (l *log) newestOf(uid uint32) (newest ordinal, ok bool) {
	if uid == 0 || int(uid) >= len(l.last) {
		return 0, false
	}
	return l.last[uid].entry()
}

// chainTo makes the entry to come at an ordinal, under this posting of its block, the newest of a
// user's. The entry before learns of it, so that a chain can be walked on from any entry.
func (l *log) chainTo(uid uint32, to ordinal, number int) posting {
	if int(uid) >= len(l.last) {
		l.last = append(l.last, make([]chainEnd, int(uid)+1-len(l.last))...)
	}
	p := posting{uid: uid}
	if last, ok := l.last[uid].entry(); ok && last == to { // named twice by one event: the first counts
		return p
	} else if ok {
		// Further apart than 32 bits hold, the links stay 0. The log would have 300 GB between the two.
		if back := to - last; back < 1<<32 {
			p.back = uint32(back)
			l.blocks[l.blockAt(last)].postings[l.last[uid].posting()].next = uint32(back)
		}
	}
	l.last[uid] = endOf(to, number)
	return p
}

// firstOf finds the ordinal of a user's first entry with at least this seq; noOrdinal: there is
// none. known is false if it has not been found yet, after a look at so many entries. It is not
// before the ordinal then.
func (l *log) firstOf(uid uint32, seq uint64, look int) (_ ordinal, known bool, looked int) {
	at, ok := l.newestOf(uid)
	if !ok {
		return noOrdinal, true, 1
	}
	first := noOrdinal // of those seen
	exact := noOrdinal // the first entry of anybody's with at least this seq
	for looked = 1; looked < min(chainLook, look); looked++ {
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
		if looked == 16 { // one that goes on where it stopped has the seq of an entry of its own
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

// nextOf returns the ordinal of the user's entry after the one at an ordinal, which is theirs;
// noOrdinal: there is none.
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
