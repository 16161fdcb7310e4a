package operators

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"sluice/server/auth"
	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/stream"
)

const (
	defaultDecisions = 20
	maxDecisions     = 200
)

// Decisions is the body of GET /decisions.
type Decisions struct {
	remembering
	Cause   stream.Cause `json:"cause,omitempty"`   // the answer to a question about one record
	Because string       `json:"because,omitempty"` // the same as a sentence
	Records []decision   `json:"records"`
}

// remembering is how far the record of decisions goes back.
type remembering struct {
	Capacity   int       `json:"capacity"`
	Remembered int       `json:"remembered"`
	Since      time.Time `json:"since"`
}

// decision is a record, and what became of it.
type decision struct {
	Stream      string           `json:"stream"`
	Topic       string           `json:"topic"`
	Partition   int32            `json:"partition"`
	Offset      int64            `json:"offset"`
	Read        time.Time        `json:"read"`
	Timestamp   time.Time        `json:"timestamp"`
	Audience    string           `json:"audience"`
	Poison      string           `json:"poison,omitempty"` // why it is no event
	Event       string           `json:"event,omitempty"`
	Subject     string           `json:"subject,omitempty"`
	Users       []string         `json:"users,omitempty"` // the first of them
	MoreUsers   int              `json:"more_users,omitempty"`
	Cause       stream.Cause     `json:"cause"`
	Because     string           `json:"because"`
	For         []decidedFor     `json:"for"`
	Subscribers []decidedVisitor `json:"subscribers"`
	Connected   int              `json:"connected"`
	Written     int              `json:"written"`
}

// decidedFor is what became of it for a user.
type decidedFor struct {
	User    string       `json:"user"`
	Cause   stream.Cause `json:"cause"`
	Because string       `json:"because"`
	At      *time.Time   `json:"at,omitempty"`
}

// decidedVisitor is what became of it for a connection.
type decidedVisitor struct {
	ID   string `json:"id"`
	User string `json:"user,omitempty"`
	narrowed
	AnyUser bool         `json:"any_user,omitempty"`
	Since   time.Time    `json:"since"`
	Until   *time.Time   `json:"until,omitempty"` // absent: it is there
	Ended   string       `json:"ended,omitempty"`
	Cause   stream.Cause `json:"cause"`
	At      *time.Time   `json:"at,omitempty"`
}

// Decisions answers GET /decisions.
func (o *Operators) Decisions(w http.ResponseWriter, r *http.Request) {
	remembered := o.Streams.Hub.Decisions().Remembered()
	if remembered.Capacity == 0 {
		response.NewProblem(http.StatusNotFound, "decisions-off", "Decisions are not remembered", "With decisions: 10000 in the configuration the gateway remembers the newest 10,000 records.").Write(w)
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		response.BadRequest("query", "The query can't be read.").Write(w)
		return
	}
	body := Decisions{remembering: remembering{remembered.Capacity, remembered.Records, *response.UTC(remembered.Since)}, Records: []decision{}}
	user := query.Get("user")
	var refused *response.Problem
	switch {
	case len(user) > auth.MaxUser || !utf8.ValidString(user):
		refused = response.BadRequest("user", "The user parameter is too long, or not UTF-8.")
	case query.Has("offset"):
		refused = o.decideRecord(&body, query, user)
	case user == "":
		refused = response.BadRequest("question", "Ask for one record by topic (or stream), partition and offset, or for a user.")
	default:
		refused = o.decideUser(&body, query, user)
	}
	if refused != nil {
		refused.Write(w)
		return
	}
	response.JSON(w, http.StatusOK, body)
}

// decideRecord answers for one record, as each stream of its topic has it.
func (o *Operators) decideRecord(body *Decisions, query url.Values, user string) *response.Problem {
	topic, name := query.Get("topic"), query.Get("stream")
	partition, err := strconv.ParseUint(query.Get("partition"), 10, 31)
	if err != nil {
		return response.BadRequest("partition", "The partition parameter is not a partition's number.")
	}
	offset, err := strconv.ParseUint(query.Get("offset"), 10, 63)
	if err != nil {
		return response.BadRequest("offset", "The offset parameter is not an offset.")
	}
	if topic == "" && name == "" {
		return response.BadRequest("topic", "Name the record's topic, or a stream of it.")
	}
	asked := false
	for _, f := range o.Streams.Source.Status() {
		i, known := o.Streams.Hub.Lookup(f.Name)
		if !known || topic != "" && !f.Has(topic) || name != "" && name != f.Name {
			continue
		}
		asked = true
		number, known := o.Streams.Hub.StreamPartition(i, topic, int32(partition))
		if !known {
			return response.BadRequest("topic", "The stream has several topics: name the record's, and a partition that it has.")
		}
		d, cause := o.Streams.Hub.Decisions().Of(i, number, int64(offset), user)
		if cause != "" {
			if body.Cause == "" {
				body.Cause, body.Because = cause, o.explain.explainUnknown(cause, i, number, int64(offset), body.Since)
			}
			continue
		}
		one := o.decision(d, f.Topic)
		if len(body.Records) == 0 {
			body.Cause, body.Because = one.Cause, one.Because
		}
		body.Records = append(body.Records, one)
	}
	if !asked {
		return response.NewProblem(http.StatusNotFound, "stream", "There is no such stream", "This gateway has no stream of that name and topic.")
	}
	return nil
}

// decideUser answers for a user: the newest records.
func (o *Operators) decideUser(body *Decisions, query url.Values, user string) *response.Problem {
	q := stream.Question{User: user, Stream: -1, Subject: query.Get("subject"), Theirs: query.Get("theirs") == "1"}
	if name := query.Get("stream"); name != "" {
		var known bool
		if q.Stream, known = o.Streams.Hub.Lookup(name); !known {
			return unknownStream()
		}
	}
	var refused *response.Problem
	if q.Limit, refused = readLimit(query, defaultDecisions, maxDecisions); refused != nil {
		return refused
	}
	topics := make(map[string]string)
	for _, f := range o.Streams.Source.Status() {
		topics[f.Name] = f.Topic
	}
	specs := o.Streams.Hub.Specs()
	for _, d := range o.Streams.Hub.Decisions().Newest(q) {
		body.Records = append(body.Records, o.decision(d, topics[specs[d.Stream].Name]))
	}
	return nil
}

// decision says a decision with reasons.
func (o *Operators) decision(d stream.Decision, topic string) decision {
	spec := o.Streams.Hub.Specs()[d.Stream]
	named, number := o.Streams.Hub.TopicPartition(d.Stream, d.Partition)
	one := decision{
		Stream: spec.Name, Topic: cmp.Or(named, topic), Partition: number, Offset: d.Offset, Read: *response.UTC(d.Read), Timestamp: *response.UTC(d.Stamp), Audience: audienceName(spec.Audience),
		Poison: d.Poison, Event: d.Name, Subject: d.Subject, Users: d.Users, MoreUsers: d.MoreUsers, Connected: d.Connected, Written: d.Written,
		For: []decidedFor{}, Subscribers: []decidedVisitor{},
	}
	for _, v := range d.For {
		one.For = append(one.For, decidedFor{User: v.User, Cause: v.Cause, Because: o.explain.explain(&d, v), At: response.UTCOrNil(v.At)})
	}
	for _, v := range d.Each {
		one.Subscribers = append(one.Subscribers, decidedVisitor{
			ID: o.names.of(v.Key), User: v.User, narrowed: narrowedTo(v.Filter), AnyUser: v.AnyUser, Since: *response.UTC(v.Since), Until: response.UTCOrNil(v.Until), Ended: v.Ended, Cause: v.Cause, At: response.UTCOrNil(v.At),
		})
	}
	if len(one.For) == 1 || len(one.For) > 0 && d.Poison != "" {
		one.Cause, one.Because = one.For[0].Cause, one.For[0].Because
	} else {
		one.Cause, one.Because = o.explain.explainAll(&d)
	}
	return one
}

var decisionsRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "decisions", Tags: []string{describe.TagOperation}, Summary: "Why a user got an event, or didn't",
	Description: "Ask about one record, by `topic` (or `stream`), `partition` and `offset`. Or ask about the newest records, for a `user`. It needs `decisions` in the configuration. The answer holds nothing of a payload.",
	Parameters: []openapi.Parameter{
		describe.Query("topic", "Topic of the record.", openapi.String("")),
		describe.Query("partition", "Partition of the record.", openapi.Between(0, math.MaxInt32, "")),
		describe.Query("offset", "Offset of the record. Without it the question is about a user.", openapi.Whole(0, "")),
		describe.Query("stream", "Only the record as this stream has it.", openapi.String("")),
		describe.Query("user", "The user that the question is about.", openapi.String("")),
		describe.Query("subject", "With a user: only records about this subject, of any user.", openapi.String("")),
		describe.Query("theirs", "With a user: 1 leaves out records that belong to others.", openapi.Enum("", "0", "1")),
		describe.Query("limit", "With a user: at most so many records.", limitSchema(defaultDecisions, maxDecisions)),
	},
	Responses: describe.Responses{}.JSON(http.StatusOK, "What is known, and the reasons.", openapi.Ref("Decisions"), nil).
		Problem(http.StatusBadRequest, "The question can't be read.", "query", "user", "partition", "offset", "topic", "question", "limit").
		Problem(http.StatusNotFound, "Decisions are not remembered, or there is no such stream.", "decisions-off", "stream").NotOperator(),
}}
