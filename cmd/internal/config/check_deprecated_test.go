package config

import (
	"strings"
	"testing"
	"time"

	"sluice/server/deprecation"
)

// versions is a configuration with the streams a, of which more keys are given, b and c.
func versions(keys string) string {
	return `kafka: {brokers: ["localhost:9092"]}
auth: {jwt: {secret: ` + goodSecret + `, require_exp: true}}
streams:
  a: {topic: t, user: key, ` + keys + `}
  b: {topic: t, user: key, access: [staff], deprecated: {since: 2020-01-01, successor: c}}
  c: {topic: t, user: key}
`
}

func TestWhatIsSaidOfADeprecatedStreamIsChecked(t *testing.T) {
	for keys, want := range map[string]string{
		"deprecated: {since: 2026-11-01}":                                    "",
		"deprecated: {since: 2026-11-01, sunset: 2127-05-01, successor: c}":  "",
		"deprecated: {since: 2026-11-01T09:00:00+01:00, sunset: 2126-11-01}": "",
		"deprecated: {sunset: 2127-05-01}":                                   "deprecated.since: is missing",
		"deprecated: {successor: c}":                                         "deprecated.since: is missing",
		"deprecated: {}":                                                     "deprecated.since: is missing",
		"deprecated: true":                                                   "deprecated",
		"deprecated: {since: soon}":                                          `deprecated.since: "soon" is no date`,
		"deprecated: {since: 2026-02-30}":                                    `deprecated.since: "2026-02-30" is no date`,
		"deprecated: {since: 01.11.2026}":                                    `is no date: write 2026-11-01`,
		"deprecated: {since: 2026-11-01, sunset: 2026-11-01}":                "deprecated.sunset: is not after since",
		"deprecated: {since: 2026-11-01, sunset: 2026-10-01}":                "deprecated.sunset: is not after since",
		"deprecated: {since: 2020-01-01, sunset: 2021-01-01}":                "deprecated.sunset: warning: is over",
		"deprecated: {since: 2026-11-01, successor: a}":                      "deprecated.successor: leads back to the stream itself",
		"deprecated: {since: 2026-11-01, successor: d}":                      `deprecated.successor: there is no stream "d"`,
		"deprecated: {since: 2026-11-01, successor: b}":                      "deprecated.successor: warning: has an access that not all readers",
		"deprecated: {since: 2026-11-01, successor: b}, access: [staff]":     "",
		"deprecated: {since: 2026-11-01, until: 2027-05-01}":                 "deprecated.until: there is no such key",
		"deprecated: {since: 2026-11-01, sunset: [2027-05-01]}":              "deprecated.sunset: is a list",
	} {
		_, findings := load(t, versions(keys))
		switch text := findings.Error(); {
		case want == "" && len(findings) > 0:
			t.Errorf("%s: %s", keys, text)
		case want != "" && (len(findings) != 1 || !strings.Contains(text, want)):
			t.Errorf("%s: %s; want %s", keys, text, want)
		}
	}
	_, findings := load(t, strings.Replace(versions("deprecated: {since: 2026-11-01, successor: b}, access: [staff]"), "successor: c", "successor: a", 1))
	if text := findings.Error(); strings.Count(text, "leads back to the stream itself") != 2 {
		t.Errorf("a circle: %s", text)
	}
}

func TestDeprecatedStreamsAreToldToTheServer(t *testing.T) {
	c := mustLoad(t, versions("deprecated: {since: 2026-11-01T09:00:00+01:00}"), "SLUICE_STREAMS_A_DEPRECATED_SUNSET=2127-05-01")
	got := c.Deprecated()
	want := deprecation.Stream{Since: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC), Sunset: time.Date(2127, 5, 1, 0, 0, 0, 0, time.UTC)}
	if len(got) != 2 || got["a"] != want || got["b"].Successor != "c" {
		t.Errorf("%+v", got)
	}
}

func TestWhoMayReadASuccessor(t *testing.T) {
	for _, tt := range []struct {
		to, from string
		want     bool
	}{
		{"", "", true}, {"", "staff", true}, {"", "anyone", false}, {"anyone", "", true}, {"anyone", "anyone", true},
		{"staff", "", false}, {"staff", "staff", true}, {"staff,beta", "beta", true}, {"staff", "staff,beta", false}, {"staff", "anyone", false},
	} {
		list := func(text string) []string { return strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) }
		if got := admitsAll(list(tt.to), list(tt.from)); got != tt.want {
			t.Errorf("all of %q are let in by %q: %v", tt.from, tt.to, got)
		}
	}
}
