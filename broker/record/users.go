package record

import (
	"bytes"

	"github.com/tidwall/gjson"

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
	if ev.Tombstone && d.user.UsesValue() {
		return TombstoneNoUser
	}
	if d.user.path == nil {
		user, _ := d.user.one(f)
		return addUser(ev, user)
	}
	found, ok := d.user.find(f)
	if !ok {
		return BadJSON
	}
	if !found.IsArray() {
		return addUser(ev, scalar(found))
	}
	return addUsers(ev, found)
}

func addUser(ev *stream.Event, user []byte) Refusal {
	switch {
	case len(user) == 0:
		return NoUser
	case len(user) > maxUserSize:
		return UserTooLong
	}
	ev.Users = append(ev.Users, user)
	return 0
}

// addUsers adds each distinct string and number of an array. Other elements name no user.
func addUsers(ev *stream.Event, array gjson.Result) (refused Refusal) {
	array.ForEach(func(_, v gjson.Result) bool {
		user := scalar(v)
		switch {
		case len(user) == 0 || contains(ev.Users, user):
		case len(user) > maxUserSize:
			refused = UserLeftOut
		case len(ev.Users) == maxUsers:
			refused = TooManyUsers
			return false
		default:
			ev.Users = append(ev.Users, user)
		}
		return true
	})
	if len(ev.Users) == 0 {
		if refused == UserLeftOut {
			return UserTooLong
		}
		return NoUser
	}
	return refused
}

func contains(users [][]byte, user []byte) bool {
	for _, u := range users {
		if bytes.Equal(u, user) {
			return true
		}
	}
	return false
}
