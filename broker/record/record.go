// Package record says what a Kafka record means to a stream: whose event it is, what the
// event is about, what it is called and what its data is. A [Decoder] makes a
// [stream.Event] of each record by the stream's [Rules].
//
// The result depends on the record and the rules alone. So all gateways agree on it, and
// so do a reader of new records and a reader of old ones.
//
// A record goes through these steps:
//  1. A record that is too large is refused.
//  2. Its key and value become [fields]. Each is parsed as JSON when a selector first
//     looks into it.
//  3. Selectors find the users, the subject and the event name in the fields.
//  4. The value becomes the data. A tombstone (a record without a value) becomes the
//     event delete.
//
// What is wrong with a record is a [Refusal]. Some refusals keep the record from being an
// event.
//
// The files: record.go has this text, and rules.go the rules of a stream. decode.go goes
// through the steps. users.go, event_names.go and tombstone.go each do one of them.
// fields.go has the key, headers and value, and key.go decodes the key. selector.go finds
// a value in them. steps.go does more for streams that decode, filter or shape, and
// row.go for rows of change data. refusal.go lists what can be wrong. explain.go says all
// of it about a single record.
package record
