package check

import (
	"fmt"
	"io"
	"strings"

	"sluice/broker"
	"sluice/cmd/internal/config"
)

// describe says in words what a configuration means. Topics that Kafka didn't tell of are named alone.
func describe(w io.Writer, c *config.Config, topics map[string]broker.Inspected) {
	fmt.Fprintf(w, "Browsers connect to %s. A caller is %s.\n", c.Listen, caller(c.Auth))
	for _, s := range c.Streams {
		fmt.Fprintf(w, "\n%s\n", s.Name)
		line := func(what, text string) { fmt.Fprintf(w, "  %-8s %s\n", what, text) }
		topic := s.Topic
		if t, ok := topics[s.Topic]; ok && t.Fault == "" {
			topic += ", " + counted(t.Partitions, "partition")
		}
		line("topic", topic)
		line("who", audience(s))
		if s.Subject != "" {
			line("subject", where(s.Subject))
		}
		if s.Event == "" {
			line("event", "unnamed: EventSource.onmessage gets it")
		} else {
			line("event", where(s.Event)+"; unnamed where it isn't found")
		}
		line("memory", fmt.Sprintf("%s or %s, whichever comes first", shortDuration(s.Replay.String()), s.ReplayBytes))
	}
}

func caller(a config.Auth) string {
	if a.None {
		return "whoever ?user= says"
	}
	from := "Authorization: Bearer"
	if cookie := a.JWT.Cookie(); cookie != "" {
		from += " or the cookie " + cookie
	}
	text := fmt.Sprintf("the claim %s of a token in %s", a.JWT.UserClaim, from)
	if a.JWT.Issuer != "" {
		text += ", issued by " + a.JWT.Issuer
	}
	if a.JWT.Audience != "" {
		text += ", made out to " + a.JWT.Audience
	}
	return text
}

func audience(s config.Stream) string {
	if s.Audience == config.AudienceEveryone {
		return "everyone who is identified gets every event"
	}
	return "each event goes to its user alone: " + where(s.User)
}

// where says a selector in words.
func where(selector string) string {
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

// shortDuration cuts the zero parts that Go writes: 10m0s is 10m.
func shortDuration(text string) string {
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
