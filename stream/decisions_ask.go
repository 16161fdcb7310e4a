package stream

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Decision is a record that was read, and what happened to it.
type Decision struct {
	Stream    int
	Partition int32
	Offset    int64
	Read      time.Time // by this gateway
	Stamp     time.Time // the record's own
	Poison    string    // why it is no event; "": it is one
	Detail    string    // the same in more words; "": there are none
	Refused   Cause     // CausePoison or CauseFiltered; "": it is an event

	Name, Subject string
	Users         []string // the first few of those it belongs to
	MoreUsers     int

	Connected int       // connections that read its stream when it was read
	Written   int       // times it was handed to one
	For       []Verdict // of the user asked about, else of Users
	Each      []Verdict // of connections: theirs, or of a stream for everyone some of those who were there
}

// maxEach is how many connections a decision names.
const maxEach = 32

// Of says what happened to a record: for a user, or for all it belongs to if user is "".
// Where nothing is known of it, the cause says why not, else it is "".
func (d *Decisions) Of(stream int, partition int32, offset int64, user string) (Decision, Cause) {
	h := d.hub
	h.mu.Lock()
	ordinal, known := d.index[spot{stream, partition, offset}]
	if !known {
		defer h.mu.Unlock()
		return Decision{}, d.unknown(stream, partition, offset)
	}
	r, _ := d.records.at(ordinal)
	c := concern{users: []string{user}, stream: stream}
	if user == "" {
		c = concern{users: r.users, tickets: true, subject: r.subject, stream: stream, everyone: h.logs[stream].spec.Audience == AudienceEveryone}
	}
	h.mu.Unlock()
	visits := d.visitsOf(c)

	h.mu.Lock()
	defer h.mu.Unlock()
	if r, known = d.records.at(ordinal); !known { // meanwhile
		return Decision{}, CauseForgotten
	}
	return d.decision(r, user, visits), ""
}

// unknown says why nothing is known of a record.
func (d *Decisions) unknown(stream int, partition int32, offset int64) Cause {
	h := d.hub
	if offset >= at(h.logs[stream].head, int(partition)) {
		return CauseNotRead
	}
	if offset >= at(d.floor[stream], int(partition)) {
		return CauseNoRecord
	}
	return CauseForgotten
}

// Question is about the newest records.
type Question struct {
	User    string // whose view it is; not empty
	Stream  int    // -1: all
	Subject string // "": all
	Theirs  bool   // leave out what belongs to others
	Limit   int
}

// Newest says what happened to the newest records for a user, the newest first. Of those
// that were read at one go, records that could not be made an event come last.
func (d *Decisions) Newest(q Question) []Decision {
	visits := d.visitsOf(concern{users: []string{q.User}})
	var found []Decision
	before := uint64(math.MaxUint64)
	for len(found) < q.Limit && before > 0 {
		found, before = d.decidedStep(found, &q, visits, before)
	}
	return found
}

// decidedStep looks at some records below an ordinal, and returns where to go on; 0: that
// was all.
func (d *Decisions) decidedStep(found []Decision, q *Question, visits []*visit, before uint64) ([]Decision, uint64) {
	h := d.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(before, d.records.n)
	for looked := 0; n > d.records.oldest() && len(found) < q.Limit; looked++ {
		if looked == decisionsStep {
			return found, n
		}
		n--
		r, _ := d.records.at(n)
		switch {
		case q.Stream >= 0 && r.stream != q.Stream, q.Subject != "" && r.subject != q.Subject:
		case q.Theirs && r.poison == "" && h.logs[r.stream].spec.Audience == AudienceUser && !r.isFor(q.User, h.users.hash):
		default:
			found = append(found, d.decision(r, q.User, visits))
			looked = min(looked+256, decisionsStep-1) // a verdict is more work than a look
		}
	}
	return found, 0
}

// decision is a record as it is told.
func (d *Decisions) decision(r *fact, user string, visits []*visit) Decision {
	h := d.hub
	told := Decision{
		Stream: r.stream, Partition: r.partition, Offset: r.offset, Read: h.wall(r.read), Stamp: Time(r.stamp), Poison: r.poison, Detail: r.detail, Refused: r.refused(),
		Name: r.name, Subject: r.subject, Users: slices.Clone(r.users), MoreUsers: len(r.others), Connected: r.connected, Written: r.written,
	}
	users := r.users
	if user != "" {
		users = []string{user}
	}
	for _, u := range users {
		v, each := d.verdict(r, u, slices.DeleteFunc(slices.Clone(visits), func(v *visit) bool { return v.user != u }))
		told.For = append(told.For, v)
		told.Each = append(told.Each, each...)
	}
	if user == "" && r.poison == "" { // tickets for the subject, and of a stream for everyone all
		for _, v := range visits {
			if len(users) > 0 && !v.anyUser {
				continue
			}
			if got, ok := d.judge(r, v); ok {
				told.Each = append(told.Each, got)
			}
		}
	}
	slices.SortStableFunc(told.Each, func(a, b Verdict) int {
		return cmp.Compare(slices.Index(causes, a.Cause), slices.Index(causes, b.Cause))
	})
	told.Each = told.Each[:min(len(told.Each), maxEach)]
	return told
}

// concern is whose connections are asked about: those of some users, and of a record's
// own question those of tickets for its subject too, or everybody's.
type concern struct {
	users    []string
	tickets  bool
	subject  string
	stream   int // of tickets, and of everybody
	everyone bool
}

func (c *concern) is(v *visit) bool {
	reads := v.mask&(1<<c.stream) != 0
	return v.user != "" && slices.Contains(c.users, v.user) || c.tickets && v.anyUser && v.filters[0].single() == c.subject && reads || c.everyone && reads
}

// visitsOf returns connections, the newest first: at most maxVisitsAsked of those that
// are there, and as many of those that have gone.
func (d *Decisions) visitsOf(c concern) []*visit {
	found, next := d.visitsHere(&c)
	for left := maxVisitsAsked; next > 0 && left > 0; {
		found, next, left = d.visitsGone(found, &c, next, left)
	}
	slices.SortStableFunc(found, func(a, b *visit) int { return cmp.Compare(b.seq, a.seq) })
	return found
}

// visitsHere returns those that are there, and from where to look for those that have
// gone.
func (d *Decisions) visitsHere(c *concern) (found []*visit, gone uint64) {
	h := d.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	add := func(id uint32) bool { // false: that is enough
		if v := d.visits[h.subs.at(id).key(id)]; c.is(v) && !slices.Contains(found, v) { // a ticket's may be among everybody's
			found = append(found, v)
		}
		return len(found) < maxVisitsAsked
	}
	for _, user := range c.users {
		for id := h.users.slot(h.users.find([]byte(user))).subs; id != 0 && add(id); id = h.subs.at(id).next {
		}
	}
	if c.tickets {
		if g := h.anyUser[c.subject]; g != nil {
			for _, id := range g.ids[:min(len(g.ids), decisionsStep)] {
				if !add(id) {
					break
				}
			}
		}
	}
	if c.everyone {
		of := h.viewsOf[c.stream]
		for _, view := range of[:min(len(of), decisionsStep)] {
			for _, id := range h.views[view].members {
				if !add(id) {
					return found, d.gone.n
				}
			}
		}
	}
	return found, d.gone.n
}

// visitsGone adds up to left of those that have gone, looking at some below an ordinal,
// and returns where to go on; 0: that was all.
func (d *Decisions) visitsGone(found []*visit, c *concern, below uint64, left int) (_ []*visit, next uint64, _ int) {
	h := d.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	gone := &d.gone
	for range decisionsStep {
		if below <= gone.oldest() || left == 0 {
			return found, 0, left
		}
		below--
		if v, _ := gone.at(below); c.is(*v) {
			found = append(found, *v)
			left--
		}
	}
	return found, below, left
}
