package stream

import "slices"

// former returns the event that tells those who had what ev is about, and have it no
// longer; false: it names nobody.
func (ev *Event) former() (Event, bool) {
	return Event{
		Partition: ev.Partition, Offset: ev.Offset, Timestamp: ev.Timestamp,
		Users: ev.Former, Subject: ev.FormerSubject, Name: "delete", Data: ev.FormerData,
	}, len(ev.Former) > 0
}

// withFormer is all that a record tells as one event: whose it is, and who had it.
func (ev *Event) withFormer(gone Event) *Event {
	if !ev.Hidden {
		gone.Name, gone.Subject = ev.Name, ev.Subject
		gone.Users = slices.Concat(ev.Users, gone.Users)
	}
	return &gone
}

// former is [Event.former], and asks the state where the event doesn't say who it was.
// The state must not have the event yet. The hub's lock is held.
func (l *log) former(ev *Event) (gone Event, some bool) {
	if len(ev.FormerData) == 0 || l.spec.Audience != AudienceUser {
		return Event{}, false
	}
	if gone, some = ev.former(); ev.FormerFromState && l.state != nil {
		gone.Users, gone.Subject = l.state.holders(ev, gone.Subject)
		some = len(gone.Users) > 0
	}
	return gone, some
}

// holders returns the users who have what the table has of an event's key, in the event's
// partition, and whom the event doesn't name. It also returns what that is about, unless
// it is known.
func (t *stateTable) holders(ev *Event, subject []byte) ([][]byte, []byte) {
	var users [][]byte
	if ev.Key == nil || t.everyone {
		return nil, subject
	}
	for id := t.byKey.head(t, t.hash(ev.Key), ev.Key, ev.Partition); id != 0; {
		s := t.slots.at(id)
		if len(subject) == 0 {
			subject = slices.Clone(t.subject(s))
		}
		for n := s.posting; n != 0; n = t.postings[n].other {
			user := t.users.id(t.postings[n].uid)
			if !named(ev.Users, user) && !named(users, user) {
				users = append(users, slices.Clone(user)) // what the table has of it may go with ev
			}
		}
		id = s.links[1].next
	}
	return users, subject
}

func named(users [][]byte, user []byte) bool {
	return slices.ContainsFunc(users, func(u []byte) bool { return string(u) == string(user) })
}
