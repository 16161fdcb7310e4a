package record

import (
	"bytes"

	"github.com/tidwall/gjson"

	"sluice/broker/document"
	"sluice/stream"
)

const (
	maxUsers    = 100  // distinct users of one record
	maxUserSize = 1024 // bytes of a user
)

// findUsers fills ev.Users. An event for everyone names no user.
func (d *Decoder) findUsers(f *fields, ev *stream.Event) Refusal {
	if d.audience != stream.AudienceUser {
		return 0
	}
	var refused Refusal
	ev.Users, refused = d.appendUsers(ev.Users[:0], f)
	return refused
}

// appendUsers appends the users that the first selector finds which finds any. What it
// says is wrong is what is wrong with the last one that could have found some.
func (d *Decoder) appendUsers(users [][]byte, f *fields) (_ [][]byte, refused Refusal) {
	for i := range d.user {
		s := &d.user[i]
		one := TombstoneNoUser
		if !s.UsesValue() || f.value.raw != nil {
			users, one = s.appendUsers(users, f)
		}
		if one.Delivers() {
			return users, one
		}
		users = users[:0]
		if refused == 0 || one != NoUser { // that a header isn't there says little
			refused = one
		}
	}
	return users, refused
}

// appendUsers appends each distinct string and number that s selects. Other values name
// no user.
func (s *Selector) appendUsers(users [][]byte, f *fields) (_ [][]byte, refused Refusal) {
	if s.path == nil {
		switch user := s.one(f); {
		case len(user) == 0:
			return users, NoUser
		case len(user) > maxUserSize:
			return users, UserTooLong
		default:
			return append(users, user), 0
		}
	}
	add := func(v gjson.Result) bool {
		user := document.Scalar(v)
		switch {
		case len(user) == 0 || contains(users, user):
		case len(user) > maxUserSize:
			refused = UserLeftOut
		case len(users) == maxUsers:
			refused = TooManyUsers
			return false
		default:
			users = append(users, user)
		}
		return true
	}
	ok := s.each(f, func(v gjson.Result) bool {
		if !v.IsArray() {
			return add(v)
		}
		v.ForEach(func(_, v gjson.Result) bool { return add(v) })
		return refused != TooManyUsers
	})
	switch {
	case !ok:
		return users, BadJSON
	case len(users) > 0:
		return users, refused
	case refused == UserLeftOut:
		return users, UserTooLong
	}
	return users, NoUser
}

func contains(users [][]byte, user []byte) bool {
	for _, u := range users {
		if bytes.Equal(u, user) {
			return true
		}
	}
	return false
}
