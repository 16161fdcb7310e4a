package stream

import (
	"errors"
	"slices"
)

// A subscriber with [Request.AnyUser] follows one subject of a stream whoever its events belong to. It is nobody, so the
// users' chains lead to nothing for it: it is always on its own, looks through whole logs, and is woken by subject.

// errAnyUser refuses what would show everybody's events, or mean two things.
var errAnyUser = errors.New("stream: AnyUser needs a Subject, and no User")

func (r *Request) check() error {
	if r.AnyUser && (r.Subject == "" || r.User != "") {
		return errAnyUser
	}
	return nil
}

// filter is the mark of what a request leaves of its streams, for ids; "" where it takes all that is its user's. One
// who follows a subject for any user has another mark than a user who follows it: their positions cover different events.
func (r *Request) filter() string {
	switch {
	case r.AnyUser:
		return FilterMark("\x00any\x00" + r.Subject)
	case r.Subject != "":
		return FilterMark(r.Subject)
	}
	return ""
}

// takes reports whether a position of a segment is one of this request's. A position taken without a filter covers
// what a filter leaves of it, so it is good under any, but not for one who follows events of other users.
func (r *Request) takes(seg *segment) bool {
	return seg.filter == r.filter() || seg.filter == "" && !r.AnyUser
}

// anyUser are the subscribers with AnyUser, by subject. They are few: one for each order that is followed without a login.
type anyUser map[string][]uint32

func (a anyUser) add(subject []byte, id uint32) { a[string(subject)] = append(a[string(subject)], id) }

func (a anyUser) remove(subject []byte, id uint32) {
	left := slices.DeleteFunc(a[string(subject)], func(other uint32) bool { return other == id })
	if len(left) == 0 {
		delete(a, string(subject))
		return
	}
	a[string(subject)] = left
}

// wakeSubject wakes those who follow a subject of a stream for any user.
func (h *Hub) wakeSubject(stream int, subject []byte, seq uint64) {
	for _, id := range h.anyUser[string(subject)] {
		if h.views[h.subs.at(id).view].mask&(1<<stream) != 0 {
			h.wake(id, seq)
		}
	}
}
