package server

import (
	"fmt"
	"maps"

	"sluice/server/auth"
	"sluice/server/openapi"
)

// schemas are what the descriptions refer to.
var schemas = func() openapi.Properties {
	all := noticeSchemas()
	maps.Copy(all, bodySchemas())
	maps.Copy(all, requestSchemas())
	return all
}()

// bodySchemas are of what is answered.
func bodySchemas() openapi.Properties {
	cursor := openapi.String("The position that this is true at. Opaque.")
	stale := openapi.Time("Since when Kafka hasn't answered. Absent: it does.")
	data := &openapi.Schema{Description: "The record's value, where that is JSON."}
	text := openapi.String("The record's value, where it isn't.")
	name := openapi.String("The event's name. Absent: it has none.")
	return openapi.Properties{
		"Problem": openapi.Object("An RFC 9457 document. It repeats nothing of the request.", openapi.Properties{
			"type": openapi.String("Which."), "title": openapi.String(""), "status": openapi.Whole(400, ""), "detail": openapi.String("What was wrong, for people."),
		}, "type", "title", "status"),
		"State": openapi.Object("The latest event of each subject of the caller's.", openapi.Properties{
			"cursor": cursor, "streams": openapi.List(openapi.String(""), "What it is of."), "stale": stale,
			"since":    openapi.Time("How far back it reaches; null: nothing is too old for it.").OrNull(),
			"complete": openapi.Bool("Nothing since then was left out for want of memory."),
			"events": openapi.List(openapi.Object("", openapi.Properties{
				"stream": openapi.String(""), "subject": openapi.String(""), "time": openapi.Time("Of the record."), "event": name, "data": data, "text": text,
			}, "stream", "subject", "time"), ""),
		}, "cursor", "streams", "since", "complete", "events"),
		"Page": openapi.Object("What came after a cursor, in order, the gateway's own events included.", openapi.Properties{
			"cursor": cursor, "stale": stale,
			"more":   openapi.Bool("More is there already: poll again without a wait. Absent: the page is all there is."),
			"events": openapi.List(openapi.Object("", openapi.Properties{"id": openapi.String("The position after it."), "event": name, "data": data, "text": text}, "id"), ""),
		}, "cursor", "events"),
		"Ticket": openapi.Object("", openapi.Properties{
			"ticket": openapi.String("For `/events?ticket=`."), "id": openapi.String("To revoke it by."), "expires": openapi.Time("When its streams end."),
		}, "ticket", "id", "expires"),
		"Revocation": openapi.Object("", openapi.Properties{
			"ended": openapi.Whole(0, "Streams that it ended, on this gateway."), "until": openapi.Time("How long credentials of before are refused."),
		}, "ended", "until"),
		"Discovery":   openapi.Of[discovery]("What the caller may read, and how. More may come; the version is raised when something goes or changes its meaning."),
		"Readiness":   openapi.Of[readiness]("Whether each stream has been read as far as it has to be."),
		"Live":        openapi.Of[live]("The gateway at one moment."),
		"Decisions":   openapi.Of[decisions]("What became of records."),
		"Subscribers": openapi.Of[subscriberList]("Who is connected."),
	}
}

// requestSchemas are of what is sent.
func requestSchemas() openapi.Properties {
	text := func(about string) *openapi.Schema { // a schema counts characters, so that it can't have a bound of bytes
		return &openapi.Schema{Type: "string", Description: about, MinLength: new(1)}
	}
	name := func(about string) *openapi.Schema {
		return text(fmt.Sprintf("%s At most %d bytes.", about, auth.MaxUser))
	}
	roles := openapi.List(text(""), "Of the user.")
	roles.MaxItems = new(auth.MaxRoles)
	roles.OrNull()
	ttl := func(about, example string) *openapi.Schema {
		s := duration(example)
		s.Description = about
		return s.OrNull() // as good as absent, here and below
	}
	lasts := ttl("How long it opens streams, and those last; at most 24h. Absent: as configured.", "30m")
	once := openapi.Bool("It opens one stream only.").OrNull()
	inForce := ttl("How long credentials of before are refused; at most 744h (31 days). Absent: 24h.", "12h")
	return openapi.Properties{
		"TicketRequest": {OneOf: []*openapi.Schema{
			openapi.Object("For a user.", openapi.Properties{"user": name("Who."), "roles": roles, "ttl": lasts, "once": once}, "user").Closed(),
			openapi.Object("For one subject of a stream.", openapi.Properties{"stream": text("Its name."), "subject": name("Which one."), "ttl": lasts, "once": once}, "stream", "subject").Closed(),
		}},
		"RevocationRequest": {OneOf: []*openapi.Schema{
			openapi.Object("Of a user.", openapi.Properties{"user": name("Who."), "for": inForce}, "user").Closed(),
			openapi.Object("Of a ticket.", openapi.Properties{"ticket": name("Its id."), "for": inForce}, "ticket").Closed(),
		}},
	}
}
