package record

import "math/bits"

// Refusal is a set of things that are wrong with a record. Zero: nothing is.
type Refusal uint32

// What can be wrong with a record. Some keep it from being an event.
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
	Framed                               // its value has a schema's header, and the stream shows JSON
	DecodeError                          // its value isn't what Rules.Decode says
	SchemaMissing                        // the registry has no such schema
	SchemaPending                        // its schema isn't known, and the registry doesn't answer; it waits
	KeyError                             // its key isn't what Rules.KeyDecode says
	PassedRaw                            // it could not be decoded, and goes as it is
	NoChange                             // it says no change of a row
	FormerUnknown                        // it is a row that is gone, and doesn't say whose it was
	Filtered                             // the filter drops it, or its shape is empty
	ShapeError                           // the filter or the shape failed
	numRefusals      = iota
)

const undelivered = NoUser | UserTooLong | TooManyUsers | BadJSON | TombstoneNoUser | RecordTooLarge | BatchTooLarge |
	Framed | DecodeError | SchemaMissing | SchemaPending | KeyError | NoChange | FormerUnknown | Filtered | ShapeError

// failures are what Rules.OnError is about.
const failures = Framed | DecodeError | SchemaMissing | KeyError | ShapeError

// Intended reports whether the record is no event because the stream's rules say so:
// nothing is wrong with it.
func (r Refusal) Intended() bool { return r&(Filtered|NoChange) != 0 }

// Delivers reports whether the record is an event all the same.
func (r Refusal) Delivers() bool { return r&undelivered == 0 }

// Undelivered is the first refusal of the set that keeps the record from being an event;
// zero: it is one all the same.
func (r Refusal) Undelivered() Refusal {
	r &= undelivered
	return r & -r
}

// Explained reports whether an error says more of it, see [Decoder.Err].
func (r Refusal) Explained() bool {
	return r&(failures|PassedRaw|SchemaPending|Filtered) != 0
}

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

func (r Refusal) index() int { return bits.TrailingZeros32(uint32(r)) }

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
	{"framed", "its value begins with a schema's header (the magic byte of the Confluent wire format): set decode: avro, protobuf or json-schema"},
	{"decode_error", "its value can't be decoded"},
	{"schema_missing", "the schema registry has no schema with its id"},
	{"schema_pending", "its schema isn't known yet, and the schema registry doesn't answer"},
	{"key_error", "its key can't be decoded"},
	{"passed_raw", "its value can't be decoded, so it goes as it is"},
	{"no_change", "it says no change of a row (a tombstone after a delete, a truncation)"},
	{"former_user_unknown", "it is a row that was deleted, and doesn't say whose it was: the stream's state says it if it has the row (in Postgres, REPLICA IDENTITY FULL makes it known)"},
	{"filtered", "the stream's filter drops it, or nothing is left of it"},
	{"shape_error", "its filter or its shape failed"},
}
