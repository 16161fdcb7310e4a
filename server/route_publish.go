package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"sluice/server/auth"
	"sluice/server/describe"
	"sluice/server/limit"
	"sluice/server/openapi"
	"sluice/server/publish"
	"sluice/server/response"
)

// Publish says what back ends may publish; the zero Publish: nothing.
type Publish struct {
	Publisher publish.Publisher
	Streams   []string
	Roles     []string // callers with one of these may, besides API keys
	MaxBytes  int64    // of a request's body
	Rate      limit.Rate
	Sealed    bool // answers tell no topic, partition or offset

	// Wait is how long a request waits for Kafka. 0: 10 s.
	Wait time.Duration

	// BodyTimeout bounds how long a body may take. 0: 10 s.
	BodyTimeout time.Duration
}

const (
	publishWait        = 10 * time.Second
	publishBodyTimeout = 10 * time.Second

	// publishLife is after how long a record with an idempotency key may be given up, if it
	// is surely not in Kafka. A request that comes again meanwhile waits for the same
	// record. It is the default of Kafka's delivery.timeout.ms.
	publishLife = 2 * time.Minute

	// publishGrace is for Kafka's client to say that a record was given up.
	publishGrace = time.Second

	// publishPath is what the paths of publishing begin with.
	publishPath = "/publish/"
)

// publishing is what the server keeps of what is published.
type publishing struct {
	rate   *limit.CallerRate
	budget *publish.Budget
	keys   *publish.Keys
}

func newPublishing(p *Publish) publishing {
	p.Wait, p.BodyTimeout = cmp.Or(p.Wait, publishWait), cmp.Or(p.BodyTimeout, publishBodyTimeout)
	return publishing{limit.NewCallerRate(p.Rate), publish.NewBudget(p.MaxBytes), publish.NewKeys()}
}

// validate names what is missing.
func (p Publish) validate(keys bool) error {
	switch {
	case p.Publisher == nil:
		return nil
	case p.MaxBytes <= 0:
		return errors.New("server: Publish.MaxBytes is required")
	case len(p.Roles) == 0 && !keys:
		return errors.New("server: Publish needs Roles or APIKeys")
	}
	return nil
}

// publishAnswer is the body of a 202.
type publishAnswer struct {
	ID        string `json:"id"`                  // as envelopes and webhooks have it
	Topic     string `json:"topic,omitempty"`     // absent with sealed ids, as the next two
	Partition *int32 `json:"partition,omitempty"` //
	Offset    *int64 `json:"offset,omitempty"`    //
	Repeated  bool   `json:"repeated,omitempty"`  // the idempotency key was known
}

// outcomes are what metrics call a record that is in Kafka, by whether its idempotency
// key was known.
var outcomes = map[bool]string{false: "written", true: "repeated"}

// postPublish answers POST /publish/{stream}: 202 when Kafka has the record, and not
// before.
func (s *Server) postPublish(w http.ResponseWriter, r *http.Request) {
	stream := chi.URLParam(r, "stream")
	answer, refused := s.publish(w, r, stream)
	if refused == nil {
		response.JSON(w, http.StatusAccepted, answer)
		return
	}
	if slices.Contains(s.cfg.Publish.Streams, stream) {
		s.cfg.Metrics.Published(stream, refused.Cause())
	}
	s.refuse(w, r, refused)
}

func (s *Server) publish(w http.ResponseWriter, r *http.Request, stream string) (answer publishAnswer, refused *response.Problem) {
	form, refused := publish.FormOf(r)
	if refused != nil {
		return answer, refused
	}
	who, refused := s.publisherOf(r, stream)
	if refused != nil {
		return answer, refused
	}
	if !slices.Contains(s.cfg.Publish.Streams, stream) {
		return answer, response.NewProblem(http.StatusNotFound, "stream", "There is no such stream", "No stream of this name takes what is published.")
	}
	caller := s.publishing.rate.Number(who)
	if wait := s.publishing.rate.Take(caller, time.Now()); wait > 0 {
		p := s.mustWait(limit.PublishRate)
		p.RetryAfter = wait // as long as it takes, and no longer
		return answer, p
	}
	size := r.ContentLength
	if size < 0 || size > s.cfg.Publish.MaxBytes {
		size = s.cfg.Publish.MaxBytes
	}
	give, ok := s.publishing.budget.Take(caller, size)
	if !ok {
		return answer, s.mustWait(limit.PublishBytes)
	}
	defer give()
	body, refused := publish.Body(w, r, s.cfg.Publish.MaxBytes, s.cfg.Publish.BodyTimeout)
	if refused != nil {
		return answer, refused
	}
	message, key, refused := publish.Read(r, form, body)
	if refused != nil {
		return answer, refused
	}
	attempt, repeated, refused := s.attempt(r, caller, who, stream, key, message)
	if refused != nil {
		return answer, refused
	}
	outcome := s.outcome(r, attempt)
	if outcome.Err != nil {
		return answer, s.notPublished(outcome.Err)
	}
	s.cfg.Metrics.Published(stream, outcomes[repeated])
	s.requests.published(r, who, stream, repeated)
	at := s.cfg.Publish.Publisher.Position(stream, outcome.Partition, outcome.Offset)
	answer = publishAnswer{ID: at.ID, Repeated: repeated}
	if !s.cfg.Publish.Sealed {
		answer.Topic, answer.Partition, answer.Offset = at.Topic, &at.Partition, &at.Offset
	}
	return answer, nil
}

// attempt begins to publish a message, or finds the attempt that its key has already.
func (s *Server) attempt(r *http.Request, caller uint64, who, stream, key string, m publish.Message) (a *publish.Attempt, repeated bool, refused *response.Problem) {
	c := s.cfg.Publish
	a, first, within := publish.NewAttempt(), true, c.Wait
	if key != "" {
		var err error
		a, first, err = s.publishing.keys.Begin(caller, who, stream, key, m, time.Now())
		switch {
		case errors.Is(err, publish.ErrOtherBody):
			return nil, false, response.NewProblem(http.StatusUnprocessableEntity, "idempotency-key", "The key belongs to another message",
				"This Idempotency-Key came with another message within the last ten minutes.")
		case err != nil:
			return nil, false, s.mustWait(limit.PublishKeys)
		}
		within = publishLife
	}
	if first {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), c.Wait) // the record outlives its request
		defer cancel()
		c.Publisher.Publish(ctx, stream, m, within, func(o publish.Outcome) { a.End(o, time.Now()) })
	}
	return a, !first, nil
}

// outcome waits for an attempt, but no longer than a caller does.
func (s *Server) outcome(r *http.Request, a *publish.Attempt) publish.Outcome {
	late := time.NewTimer(s.cfg.Publish.Wait + publishGrace)
	defer late.Stop()
	select {
	case <-a.Done():
		return a.Outcome()
	case <-late.C:
	case <-r.Context().Done():
	case <-s.stop.Done():
	}
	return publish.Outcome{Err: &publish.Error{Fault: publish.Unknown, Detail: "Kafka does not answer."}}
}

// publisherOf finds out who publishes: an API key, or a user with a role, by a login or
// by a developer's key that is for it. The text is of one caller only.
func (s *Server) publisherOf(r *http.Request, stream string) (who string, refused *response.Problem) {
	roles := s.cfg.Publish.Roles
	if s.cfg.APIKeys != nil {
		key, err := s.cfg.APIKeys.Check(r, auth.ActionPublish)
		switch {
		case errors.Is(err, auth.ErrScope), err == nil && key.Streams != nil && !slices.Contains(key.Streams, stream):
			return "", outOfScope("The API key is not for publishing, or not to this stream.")
		case err == nil:
			return "key " + key.Name, nil
		}
		if len(roles) == 0 || auth.ShowsAPIKey(r) {
			s.refused(r, err)
			return "", response.Unidentified(err)
		}
	}
	principal, refused := s.identifyToChange(r)
	if refused != nil {
		if refused.Anonymous {
			s.cfg.Metrics.Refused(auth.ReasonMissing)
		}
		return "", refused
	}
	may := slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(principal.Roles, role) })
	if !may || principal.User == "" || principal.Ticket != "" {
		return "", response.NewProblem(http.StatusForbidden, "role", "You may not publish", "That takes an API key, or one of the roles of publish.roles. A ticket is for reading.")
	}
	if !principal.Allows(auth.ActionPublish) || principal.Streams != nil && !slices.Contains(principal.Streams, stream) {
		return "", outOfScope("Your key is not for publishing, or not to this stream.")
	}
	return "user " + principal.User, nil
}

// notPublished is the problem of a message that was not written.
func (s *Server) notPublished(err error) *response.Problem {
	var why *publish.Error
	if !errors.As(err, &why) {
		return response.Internal()
	}
	var p *response.Problem
	switch why.Fault {
	case publish.BadMessage:
		return response.BadRequest("publish", why.Detail)
	case publish.BadSchema:
		return response.NewProblem(http.StatusUnprocessableEntity, "schema", "The message doesn't fit its schema", why.Detail)
	case publish.Unsupported:
		return response.NewProblem(http.StatusUnsupportedMediaType, "media-type", "This can't be published", why.Detail)
	case publish.TooLarge:
		return response.NewProblem(http.StatusRequestEntityTooLarge, "too-large", "The body is too large", why.Detail)
	case publish.NotWritten:
		p = response.NewProblem(http.StatusServiceUnavailable, "not-written", "Not written", why.Detail+" The record is not in Kafka. Send it again.")
	default:
		p = response.NewProblem(http.StatusServiceUnavailable, "unconfirmed", "Not confirmed",
			why.Detail+" The record may be in Kafka, or come there later. Send it again with the same Idempotency-Key. Without a key it could be there twice.")
	}
	p.RetryAfter = s.rules.retry().duration()
	return p
}

// published logs on the level debug what was published.
func (l *requestLog) published(r *http.Request, who, stream string, repeated bool) {
	room, unlogged := l.room("published")
	if !room {
		return
	}
	kind, name, _ := strings.Cut(who, " ")
	l.logger.Debug("a record was published", kind, name, "stream", stream, "repeated", repeated, "address", l.server.cfg.Proxies.Address(r), "unlogged", unlogged)
}

var publishRoute = describe.Route{Asks: describe.Publisher, Operation: openapi.Operation{
	ID: "publish", Tags: []string{describe.TagBackEnds}, Summary: "Write a record to a stream's Kafka topic",
	Description: "For back ends without a Kafka client. The value is encoded as the stream is decoded, by the latest schema of the registry. " +
		"A CloudEvent comes as one JSON document, or as its data with `ce-` headers. Its attributes become headers of the record, and `partitionkey` its key.",
	Parameters: []openapi.Parameter{
		{Name: "stream", In: "path", Required: true, Description: "Name of the stream.", Schema: openapi.String(""), Example: "orders"},
		describe.HeaderParameter(publish.IdempotencyKey, "A text that names the message, of 1 to 255 visible characters. The gateway writes one record for it, however often it is sent within ten minutes to the same gateway.",
			&openapi.Schema{Type: "string", Pattern: `^[!-~]{3,255}$`}),
	},
	Body: &openapi.Body{Required: true, Content: map[string]openapi.Media{
		describe.JSONType: {Schema: openapi.Ref("PublishRequest"), Example: map[string]any{
			"key": "alice", "headers": map[string]any{"source": "checkout"}, "value": map[string]any{"orderId": "o-77", "status": "confirmed"},
		}},
		"application/cloudevents+json": {Schema: openapi.Ref("PublishedCloudEvent"), Example: map[string]any{
			"specversion": "1.0", "id": "o-77-3", "source": "/checkout", "type": "order.confirmed", "partitionkey": "alice",
			"data": map[string]any{"orderId": "o-77", "status": "confirmed"},
		}},
	}},
	Responses: describe.Responses{}.
		JSON(http.StatusAccepted, "Kafka has the record, on all in-sync replicas.", openapi.Ref("Published"), nil).
		Problem(http.StatusBadRequest, "The message can't be a record. `detail` says why.", "publish").
		Unidentified().
		Problem(http.StatusForbidden, "The caller has no role that may publish. Or a page of another site sends a cookie.", "role", "scope", "cross-origin").
		Problem(http.StatusNotFound, "No stream of this name takes what is published.", "stream").
		Problem(http.StatusRequestTimeout, "The body came too slowly.", "slow-body").
		Problem(http.StatusRequestEntityTooLarge, "The body is larger than `publish.max_bytes`, or the record is larger than Kafka takes.", "too-large").
		Problem(http.StatusUnsupportedMediaType, "The body is of another type, or nothing writes the stream's kind of records.", "media-type").
		Problem(http.StatusUnprocessableEntity, "The message doesn't fit the stream's schema. Or the idempotency key belongs to another message.", "schema", "idempotency-key").
		Problem(http.StatusTooManyRequests, "The caller publishes too often.", "unavailable").
		Problem(http.StatusServiceUnavailable, "Kafka, the schema registry or the app doesn't answer, or a limit of the gateway is reached.", "not-written", "unconfirmed", "unavailable").
		Failed(),
}}

// publishSchemas are of what is published.
func publishSchemas() openapi.Properties {
	text := func(about string) *openapi.Schema { return openapi.String(about) }
	return openapi.Properties{
		"PublishRequest": openapi.Object("A record.", openapi.Properties{
			"key":     {Description: "Key of the record, written as `key_decode` says. Absent or null: none."},
			"headers": (&openapi.Schema{Type: "object", Description: fmt.Sprintf("Headers of the record, at most %d texts.", publish.MaxHeaders), Additional: text("")}).OrNull(),
			"value":   {Description: "Value of the record. Null: a tombstone, which needs a key."},
		}, "value").Closed(),
		"PublishedCloudEvent": openapi.Object("A CloudEvent 1.0.", openapi.Properties{
			"specversion": {Const: "1.0"}, "id": text("Id of the event."), "source": text("Where it comes from."), "type": text("What it says."),
			"partitionkey": text("Key of the record."), "data": {Description: "Value of the record.", Not: &openapi.Schema{Type: "null"}},
		}, "specversion", "id", "source", "type", "data"),
		"Published": openapi.Object("Where the record is.", openapi.Properties{
			"id": text("Id of the record, as envelopes and webhooks have it."), "topic": text("Topic of the record. Absent with sealed ids, as are the next two."),
			"partition": openapi.Whole(0, "Partition of the record."), "offset": openapi.Whole(0, "Offset of the record."),
			"repeated": openapi.Bool("True: the record was written for an earlier request with this idempotency key. Absent: for this one."),
		}, "id"),
	}
}
