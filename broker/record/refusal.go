package record

import "math/bits"

// Refusal is a set of things that are wrong with a record. Zero: nothing is.
type Refusal uint16

// What can be wrong with a record. All but the last three keep it from being an event.
const (
	NoUser           Refusal = 1 << iota // its user was not found
	UserTooLong                          // its only user is longer than 1,024 bytes
	TooManyUsers                         // it names more than 100 users
	BadJSON                              // its user is in JSON, and it isn't JSON
	TombstoneNoUser                      // it has no value, and its user is in the value
	RecordTooLarge                       // it is larger than Rules.MaxBytes
	BatchTooLarge                        // its batch unpacks to more than a client accepts; nobody looked into it
	UserLeftOut                          // one of its users is longer than 1,024 bytes and doesn't get it
	NoSubject                            // its subject was not found
	EventNameRefused                     // a record may not have its event name, so it has none
	numRefusals      = iota
)

const undelivered = NoUser | UserTooLong | TooManyUsers | BadJSON | TombstoneNoUser | RecordTooLarge | BatchTooLarge

// Delivers reports whether the record is an event all the same.
func (r Refusal) Delivers() bool { return r&undelivered == 0 }

// Each calls f for each single refusal of the set.
func (r Refusal) Each(f func(Refusal)) {
	for r != 0 {
		one := r & -r
		f(one)
		r &^= one
	}
}

// String is the name of a single refusal, as metrics use it for a label. Of a set it is
// the first one's.
func (r Refusal) String() string {
	if r == 0 {
		return "none"
	}
	return refusalTexts[r.index()].label
}

// Text says in words what is wrong. It ends a sentence that begins with "the record is
// refused:".
func (r Refusal) Text() string {
	if r == 0 {
		return "nothing is wrong with it"
	}
	return refusalTexts[r.index()].text
}

// Refusals returns each single refusal, for metrics that begin at zero.
func Refusals() []Refusal {
	all := make([]Refusal, numRefusals)
	for i := range all {
		all[i] = 1 << i
	}
	return all
}

func (r Refusal) index() int { return bits.TrailingZeros16(uint16(r)) }

var refusalTexts = [numRefusals]struct{ label, text string }{
	{"no_user", "its user was not found"},
	{"user_too_long", "its user is longer than 1,024 bytes"},
	{"too_many_users", "it names more than 100 users"},
	{"bad_json", "it isn't JSON, so its user can't be found"},
	{"tombstone_without_user", "it has no value (a tombstone), so a user selected from the value isn't there; select it from the key or a header"},
	{"record_too_large", "it is larger than max_record_bytes"},
	{"batch_too_large", "its compressed batch unpacks to more than the gateway takes"},
	{"user_left_out", "one of its users is longer than 1,024 bytes and is left out"},
	{"no_subject", "its subject was not found"},
	{"event_name", "its event name isn't one a record may have, so it goes unnamed"},
}
