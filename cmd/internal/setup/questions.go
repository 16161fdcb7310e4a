package setup

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"sluice/cmd/internal/config"
	"sluice/cmd/internal/typo"
)

// answers are what a configuration is made of.
type answers struct {
	brokers []string // host:port each
	topic   string
	way     string // jwt, authjs, forward or none
	app     string // with forward: where the app says who is asking
}

// questions asks on a terminal, or takes one answer a line from elsewhere.
type questions struct {
	in     *bufio.Scanner
	out    io.Writer
	silent bool // nothing is asked: all answers are those in brackets
}

// Defaults.
const (
	defaultBrokers = "localhost:9092"
	defaultTopic   = "orders"
	defaultApp     = "http://localhost:3000/api/whoami"
)

var ways = []string{"jwt", "authjs", "forward", "none"}

// ask puts the questions. An answer that the gateway would not take is asked for again;
// where nobody is left to ask, it is the error.
func (q *questions) ask() (a answers, err error) {
	if err := q.one("Where is Kafka? host:port, several with commas", defaultBrokers, func(text string) error {
		a.brokers = fields(text)
		return acceptable(answers{brokers: a.brokers, topic: defaultTopic, way: "none"}, "kafka")
	}); err != nil {
		return a, err
	}
	if err := q.one("Which topic has the events?", defaultTopic, func(text string) error {
		a.topic = text
		return acceptable(answers{brokers: a.brokers, topic: text, way: "none"}, "streams")
	}); err != nil {
		return a, err
	}
	how := `How is a user known?
  jwt      a token of your login, in the cookie "session" or a header
  authjs   the session cookie of Auth.js or NextAuth
  forward  your app is asked, by its own session
  none     anyone is whoever ?user= says: for trying out only
Write one of them`
	if err := q.one(how, ways[0], func(text string) error {
		if !slices.Contains(ways, text) {
			if near := typo.Closest(text, ways); near != "" {
				return fmt.Errorf("%q is unknown: did you mean %s?", text, near)
			}
			return fmt.Errorf("%q is unknown: write one of %s", text, strings.Join(ways, ", "))
		}
		a.way = text
		return nil
	}); err != nil {
		return a, err
	}
	if a.way != "forward" {
		return a, nil
	}
	return a, q.one("At which address does your app say who is asking?", defaultApp, func(text string) error {
		a.app = text
		return acceptable(a, "auth")
	})
}

// one puts a question until take is content with the answer.
func (q *questions) one(question, otherwise string, take func(string) error) error {
	var refused error // what the last answer was no good for
	for {
		if q.silent {
			return take(otherwise)
		}
		fmt.Fprintf(q.out, "%s [%s]: ", question, otherwise)
		text := otherwise
		more := q.in.Scan()
		if given := strings.TrimSpace(q.in.Text()); given != "" {
			text = given
		}
		if !more {
			fmt.Fprintln(q.out)
			if refused != nil {
				return refused
			}
		}
		if refused = take(text); refused == nil || !more {
			return refused
		}
		fmt.Fprintf(q.out, "  %v\n", refused)
	}
}

// acceptable asks the configuration's own check about one section.
func acceptable(a answers, section string) error {
	_, findings := config.Parse("sluice.yaml", []byte(render(a)), nil)
	for _, f := range findings.Faults() {
		if f.Key == "" || f.Key == section || strings.HasPrefix(f.Key, section+".") {
			return fmt.Errorf("%s", f.Text)
		}
	}
	return nil
}

func fields(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

var noName = regexp.MustCompile(`[^a-z0-9]+`)

// streamName makes a stream's name of a topic's: order-topic gives orders.
func streamName(topic string) string {
	name := strings.Trim(noName.ReplaceAllString(strings.ToLower(topic), "-"), "-")
	if base, ok := strings.CutSuffix(name, "-topic"); ok {
		name = base + "s"
	}
	name = strings.TrimLeft(name, "0123456789-")
	if len(name) > 64 {
		name = strings.TrimRight(name[:64], "-")
	}
	if name == "" {
		return "events"
	}
	return name
}
