package config

import (
	"fmt"
	"slices"
	"time"

	"sluice/cmd/internal/typo"
	"sluice/server/auth"
)

// checkDeprecated finds what is wrong with what is said of a stream's end.
func (l *loader) checkDeprecated(s *Stream) {
	at := func(leaf string) string { return "streams." + s.Name + ".deprecated" + leaf }
	d := s.Deprecated
	switch {
	case !l.has(at("")), l.misunderstood(at("")), l.broken[at(".since")]:
		return
	case d.Since.IsZero():
		l.fault(at(".since"), "is missing: write since when the stream is deprecated, such as 2026-11-01")
	case l.broken[at(".sunset")], d.Sunset.IsZero():
	case !d.Sunset.After(d.Since):
		l.fault(at(".sunset"), "is not after since: a stream is deprecated first, and goes later")
	case d.Sunset.Before(time.Now()):
		l.warn(at(".sunset"), "is over, and the stream is still served: remove the stream, or write a later date")
	}
	if d.Successor != "" {
		l.checkSuccessor(s, at(".successor"))
	}
}

func (l *loader) checkSuccessor(s *Stream, key string) {
	next := l.config.stream(s.Deprecated.Successor)
	if next == nil {
		var names []string
		for _, one := range l.config.Streams {
			names = append(names, one.Name)
		}
		text := fmt.Sprintf("there is no stream %q", s.Deprecated.Successor)
		if near := typo.Closest(s.Deprecated.Successor, names); near != "" {
			text += "; did you mean " + near + "?"
		}
		l.fault(key, text)
		return
	}
	for seen := 0; next != nil && seen < len(l.config.Streams); seen++ {
		if next.Name == s.Name {
			l.fault(key, "leads back to the stream itself: name one that stays")
			return
		}
		next = l.config.stream(next.Deprecated.Successor)
	}
	if to := l.config.stream(s.Deprecated.Successor); !admitsAll(to.Access, s.Access) {
		l.warn(key, "has an access that not all readers of the stream have: those are not told of it")
	}
}

// admitsAll reports whether all callers with one of the roles in from have one in to.
func admitsAll(to, from []string) bool {
	if slices.Contains(to, auth.Anyone) || len(to) == 0 && !slices.Contains(from, auth.Anyone) {
		return true
	}
	return len(from) > 0 && !slices.ContainsFunc(from, func(role string) bool { return !slices.Contains(to, role) })
}
