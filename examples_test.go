package sluice_test

import (
	"encoding/json"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// triedBy names the test that runs the fenced blocks of a language.
var triedBy = map[string]string{
	"yaml":  "TestExamplesCanBeServed",
	"sh":    "TestCommandsOfTheDocs", // of the quick start TestQuickStart
	"html":  "TestQuickStartsPage",
	"nginx": "TestTheShortNginxRecipePleasesDoctor",
	"js":    "web/client/test/unit/docs.test.mjs", // web/client/test/browser runs the page of docs/client.md
	"jsx":   "web/client/test/unit/docs.test.mjs",
	"ts":    "web/client/test/unit/docs.test.mjs",
	"tsx":   "web/client/test/unit/docs.test.mjs",
	"json":  "TestJSONInTheDocsIsJSON",
}

// notRun are the fenced blocks that nothing runs, by page and by a part of them, and why.
var notRun = map[string][]struct{ part, why string }{
	"README.md": {
		{"go run ./cmd/sluice demo", "the demo's own tests, and this test run"},
		{"│ shop    │", "a drawing"},
	},
	"docs/concepts.md": {
		{"│ warehouse│", "a drawing"},
		{"page                     gateway A", "a drawing"},
	},
	"docs/http-api.md": {
		{"retry: 2033", "an answer; TestWire holds its form"},
		{"Deprecation: @", "headers; TestASuccessorIsToldToItsReaders reads such"},
		{"<?xml", "an answer, shortened; TestXML holds its form"},
		{`"data":{"orderId":"o-6"}}`, "messages; TestWebSocketIsTheSameStream holds their form"},
	},
	"docs/config.md": {
		{"streams.orders.topc: there is no such key", "an output; TestFaults has these texts"},
		{"shop: sha256:", "an output; TestAKeyThatWasMadeIsTaken has such a line"},
		{"[Socket]", "a unit of systemd; TestSocketsOfSystemdAreServedByName takes such a socket"},
		{"# openssl rand -base64 32", "a file of keys, shortened"},
	},
	"docs/decoding.md": {{`"held":[`, "a part of an answer"}},
	"docs/deliveries.md": {
		{"new Webhook(process.env.MAIL_SECRET)", "a route of an app; TestLibrariesVerifySignatures verifies with this library"},
		{"sluice redrive order-mail --show", "TestDeliverAndRedrive runs these commands"},
		{"sluice deliver --from", "TestDeliverAndRedrive runs this command"},
	},
	"docs/portal.md":     {{"kafka-topics.sh", "a command of Kafka's; TestKafkaKeysAreKeptCompacted has such a topic"}},
	"docs/publishing.md": {{"INSERT INTO outbox", "statements for your database"}},
	"docs/proxies.md":    {{"$ sluice doctor", "an output, shortened"}},
	"docs/running.md": {
		{"/decisions?topic=", "an answer, shortened"},
		{"npx nodemon", "a command for those who develop, with a program of others"},
	},
}

// Each fenced block of the README and the docs is run by a test, or it is said here why
// not.
func TestEveryExampleIsTried(t *testing.T) {
	pages := markdown(t)
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if name != "README.md" && (path.Dir(name) != "docs") {
			continue
		}
		rest := slices.Clone(notRun[name])
		for _, block := range regexp.MustCompile("(?ms)^```(\\w*)[^\n]*\n(.*?)^```").FindAllStringSubmatch(pages[name], -1) {
			language, text := block[1], block[2]
			if triedBy[language] != "" {
				continue
			}
			i := slices.IndexFunc(rest, func(one struct{ part, why string }) bool { return strings.Contains(text, one.part) })
			if i < 0 {
				t.Errorf("%s: nothing runs this %s: give it a language that a test runs, or say here why not\n%s", name, language, text)
				continue
			}
			rest = slices.Delete(rest, i, i+1)
		}
		for _, one := range rest {
			t.Errorf("%s has no block with %q", name, one.part)
		}
	}
}

// The tests that the examples rely on exist.
func TestTheTestsOfExamplesExist(t *testing.T) {
	var all strings.Builder
	for _, f := range sources(t) {
		if f.isTest() {
			text, err := os.ReadFile(f.name)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	names := slices.Collect(maps.Values(triedBy))
	for _, list := range notRun {
		for _, one := range list {
			names = append(names, regexp.MustCompile(`Test[A-Z]\w*`).FindAllString(one.why, -1)...)
		}
	}
	for _, name := range names {
		if _, err := os.Stat(name); err != nil && !strings.Contains(all.String(), "func "+name+"(") {
			t.Errorf("there is no test %s", name)
		}
	}
}

func TestJSONInTheDocsIsJSON(t *testing.T) {
	for name, text := range markdown(t) {
		for _, block := range regexp.MustCompile("(?ms)^```json\n(.*?)^```").FindAllStringSubmatch(text, -1) {
			if !json.Valid([]byte(block[1])) {
				t.Errorf("%s: this is no JSON:\n%s", name, block[1])
			}
		}
	}
}
