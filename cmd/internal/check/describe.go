package check

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"sluice/broker"
	"sluice/broker/deliver/eventbridge"
	"sluice/broker/deliver/lambda"
	"sluice/broker/record"
	"sluice/broker/schema"
	"sluice/broker/shape"
	"sluice/cmd/internal/config"
	"sluice/server/auth"
	"sluice/shown"
)

// describe says in words what a configuration means. Topics that Kafka didn't tell of are
// named alone.
func describe(w io.Writer, c *config.Config, r *result) {
	fmt.Fprintf(w, "Browsers connect to %s. A caller is %s.\n", c.Listen, caller(c.Auth))
	if headerOnly(c.Auth) {
		fmt.Fprint(w, "A page's EventSource can't send that header: add a cookie, such as auth.jwt.from: [header, \"cookie:session\"], or use @sluice/client.\n")
	}
	if len(c.CORS.Origins) > 0 && !c.CORS.Credentials && byCookie(c.Auth) {
		fmt.Fprint(w, "Pages of cors.origins can't send the cookie that a caller is known by: write cors.credentials: true, or serve pages and gateway from one origin.\n")
	}
	for i, s := range c.Streams {
		fmt.Fprintf(w, "\n%s\n", s.Name)
		line := func(what, text string) { fmt.Fprintf(w, "  %-8s %s\n", what, text) }
		if s.Topics.IsGiven() {
			describeTopics(line, r, i, s)
		} else {
			line("topic", withPartitions(s.Topic, r.topics))
		}
		line("who", audience(s))
		for _, step := range steps(s) {
			line(step[0], step[1])
		}
		if s.Subject != "" {
			line("subject", where(s.Subject))
		}
		if s.Event == "" {
			line("event", "unnamed: EventSource.onmessage gets it")
		} else {
			line("event", where(s.Event)+"; unnamed where it isn't found")
		}
		line("memory", fmt.Sprintf("%s or %s, whichever comes first", shortDuration(s.Replay.String()), s.ReplayBytes))
		if s.Spec().State.MaxBytes > 0 {
			line("state", fmt.Sprintf("the latest of each subject, %s (all, where the topic is compacted) or %s", shortDuration(s.State.MaxAge.String()), s.State.MaxBytes))
		}
	}
	describeDeliveries(w, c)
	describePublishing(w, c)
}

// describePublishing says what back ends may write, and which.
func describePublishing(w io.Writer, c *config.Config) {
	if len(c.Publish.Streams) == 0 {
		return
	}
	var who []string
	if len(c.Auth.APIKeys) > 0 {
		who = append(who, "every API key")
	}
	if len(c.Publish.Roles) > 0 {
		who = append(who, "users with the role "+strings.Join(c.Publish.Roles, " or "))
	}
	fmt.Fprintf(w, "\nPOST /publish writes to %s for %s.\n", strings.Join(c.PublishTopics(), ", "), strings.Join(who, ", and for "))
}

// describeDeliveries says what is handed to programs.
func describeDeliveries(w io.Writer, c *config.Config) {
	for _, d := range c.Deliveries {
		from, to, given := "the stream "+d.Stream, shown.URL(d.HTTP.URL), "stays, and its key waits"
		if d.Stream == "" {
			from = "the topic " + d.Topic
		}
		switch {
		case d.KafkaTopic != "":
			to = "the topic " + d.KafkaTopic
		case d.EventBridge.Region != "":
			to = "the " + eventbridge.Name(d.EventBridge.Bus, d.EventBridge.Region)
		case d.Lambda.Function != "":
			to = "the " + lambda.Name(d.Lambda.Function, d.Lambda.Region)
		}
		if d.DeadLetter != "" {
			given = "goes to " + d.DeadLetter
		}
		fmt.Fprintf(w, "\nThe delivery %s hands %s to %s. What can't be delivered %s.\n", d.Name, from, to, given)
	}
}

// maxTopics is how many topics of a stream are named.
const maxTopics = 20

// describeTopics says which topics a stream of several has now.
func describeTopics(line func(what, text string), r *result, i int, s config.Stream) {
	names := r.topicsOf(i, s)
	switch {
	case s.Topics.Pattern != "" && r.topics == nil:
		line("topics", s.Topics.Pattern)
		return
	case s.Topics.Pattern != "":
		line("topics", fmt.Sprintf("%s, which matches %s now", s.Topics.Pattern, counted(len(names), "topic")))
	default:
		line("topics", counted(len(names), "topic"))
	}
	for _, name := range names[:min(len(names), maxTopics)] {
		line("", withPartitions(name, r.topics))
	}
	if more := len(names) - maxTopics; more > 0 {
		line("", fmt.Sprintf("and %d more", more))
	}
}

func withPartitions(topic string, topics map[string]broker.Inspected) string {
	if t, ok := topics[topic]; ok && t.Partitions > 0 {
		return topic + ", " + counted(t.Partitions, "partition")
	}
	return topic
}

// caller says how who is asking is known, one way after the other.
func caller(a config.Auth) string {
	if a.None {
		return "whoever ?user= says"
	}
	var ways []string
	if a.Tickets != nil {
		ways = append(ways, "a ticket of POST /tickets")
	}
	for _, j := range a.JWT {
		ways = append(ways, token(j))
	}
	if a.AuthJS != nil {
		ways = append(ways, fmt.Sprintf("the claim %s of an Auth.js session cookie", a.AuthJS.User))
	}
	if a.Forward != nil {
		ways = append(ways, fmt.Sprintf("%s in the answer of %s", a.Forward.User, shown.URL(a.Forward.URL)))
	}
	return strings.Join(ways, "; else ")
}

// headerOnly reports whether nothing that a plain EventSource can send identifies
// anybody: it sends cookies and a URL.
func headerOnly(a config.Auth) bool {
	if a.None || a.Tickets != nil || a.AuthJS != nil || a.Forward != nil {
		return false
	}
	for _, j := range a.JWT {
		if slices.ContainsFunc(j.From, func(p auth.CredentialSource) bool { return p != (auth.CredentialSource{}) }) {
			return false
		}
	}
	return true
}

// byCookie reports whether a cookie can say who a caller is.
func byCookie(a config.Auth) bool {
	return a.AuthJS != nil || a.Forward != nil || slices.ContainsFunc(a.JWT, func(j *config.JWT) bool {
		return slices.ContainsFunc(j.From, func(p auth.CredentialSource) bool { return strings.HasPrefix(p.String(), "cookie:") })
	})
}

func token(j *config.JWT) string {
	var from []string
	for _, place := range j.From {
		switch kind, name, _ := strings.Cut(place.String(), ":"); kind {
		case "header":
			from = append(from, "Authorization: Bearer")
		case "cookie":
			from = append(from, "the cookie "+name)
		default:
			from = append(from, "?"+name+"=")
		}
	}
	text := fmt.Sprintf("the claim %s of a token in %s", j.UserClaim, strings.Join(from, " or "))
	if j.Issuer != "" {
		text += ", issued by " + j.Issuer
	}
	if j.Audience != "" {
		text += ", made out to " + j.Audience
	}
	return text
}

func audience(s config.Stream) string {
	if s.Audience == config.AudienceEveryone {
		if slices.Contains(s.Access, auth.Anyone) {
			return "anyone gets every event, identified or not"
		}
		return "everyone who is identified gets every event" + withRole(s)
	}
	return "each event goes to its user alone: " + where(s.User) + withRole(s)
}

func withRole(s config.Stream) string {
	if len(s.Access) == 0 {
		return ""
	}
	return ", with a role of " + strings.Join(s.Access, ", ")
}

// where says a selector in words.
func where(selectors string) string {
	all, err := record.ParseSelectors(selectors)
	if err != nil {
		return selectors // config has found no fault with it
	}
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = whereOne(one.String())
	}
	return strings.Join(texts, ", else ")
}

func whereOne(selector string) string {
	source, rest, _ := strings.Cut(selector, ":")
	switch {
	case selector == "key":
		return "the record's key"
	case source == "header":
		return "the record's header " + rest
	default:
		return fmt.Sprintf("%s in the record's %s (JSON)", rest, source)
	}
}

// steps says what is done to a stream's records before they are events.
func steps(s config.Stream) (all [][2]string) {
	add := func(what, text string) { all = append(all, [2]string{what, text}) }
	d := s.Broker().Record.Decode
	switch {
	case d.File != "":
		add("value", d.As+", by the schema in "+d.File)
	case d.As == record.DecodeText:
		add("value", "text")
	case d.As == string(schema.JSON):
		add("value", "JSON, after the header of a schema registry")
	case d.As != record.DecodeJSON:
		add("value", d.As+", by schemas of the registry")
	}
	if s.KeyDecode != record.KeyText {
		add("key", s.KeyDecode)
	}
	if s.Unwrap != "" {
		add("unwrap", "the row of a change ("+s.Unwrap+"). If a change doesn't say what the row was before, its former user is the one in the state")
	}
	if s.Filter != "" {
		add("filter", s.Filter)
	}
	if s.Transform != "" {
		add("shape", s.Transform)
	}
	if len(s.Keep) > 0 {
		add("keep", strings.Join(s.Keep, ", "))
	}
	if len(s.Drop) > 0 {
		add("drop", strings.Join(s.Drop, ", "))
	}
	if s.Envelope != string(shape.Bare) {
		add("envelope", s.Envelope)
	}
	if s.OnError != record.OnErrorDrop {
		add("errors", s.OnError)
	}
	return all
}

// shortDuration cuts the zero parts that Go writes: 10m0s is 10m.
func shortDuration(text string) string {
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
