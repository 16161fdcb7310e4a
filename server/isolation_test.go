package server

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sluice/server/auth"
	"sluice/server/listen"
	"sluice/stream"
)

// casted believes X-Cast, a number of its list: who asks is somebody that a test made up.
type casted []auth.Principal

func (c casted) Authenticate(r *http.Request) (auth.Principal, error) {
	i, err := strconv.Atoi(r.Header.Get("X-Cast"))
	if err != nil {
		return auth.Principal{}, &auth.Error{Reason: auth.ReasonMissing, Detail: "Nobody."}
	}
	return c[i], nil
}

// rule is a stream and who may read it, in the model's words.
type rule struct {
	name     string
	everyone bool
	access   []string
}

var rules = []rule{
	{"board", true, []string{auth.Anyone}},
	{"news", true, []string{"staff", "press"}},
	{"orders", false, nil},
	{"returns", false, []string{"customer"}},
}

// may is the whole rule about roles.
func (r rule) may(p auth.Principal) bool {
	has := func(role string) bool { return slices.Contains(p.Roles, role) }
	switch {
	case p.Streams != nil && !slices.Contains(p.Streams, r.name):
		return false
	case p.Subject != "" && p.User == "":
		return true // the one stream of a ticket
	case slices.Contains(r.access, auth.Anyone):
		return true
	}
	return p.User != "" && (len(r.access) == 0 || slices.ContainsFunc(r.access, has))
}

// TestIsolationOfRoles asks over HTTP as people with roles, narrowed tokens and tickets
// at random, and compares what each is sent with a plain model. (What the hub alone
// decides is proven in package stream.)
func TestIsolationOfRoles(t *testing.T) {
	people, events := 60, 300
	if os.Getenv("SLUICE_TEST_FULL") == "1" {
		people, events = 300, 2000
	}
	random := rand.New(rand.NewPCG(7, 7))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	subset := func(from ...string) []string {
		return slices.DeleteFunc(from, func(string) bool { return random.IntN(2) == 0 })
	}
	user := func() string { return pick("alice", "Alice", "alice ", "al", "bob", "staff", "customer") }

	var cast casted
	for range people {
		p := auth.Principal{User: user(), Roles: subset("customer", "Customer", "staff", "press ", "press")}
		switch random.IntN(6) {
		case 0:
			p.Streams = append([]string{}, subset("orders", "returns", "news", "order")...)
		case 1:
			p = auth.Principal{Streams: []string{pick("orders", "returns")}, Subject: pick("o-1", "o-10", "O-1")}
		}
		cast = append(cast, p)
	}
	f := newFixture(t, func(c *Config) {
		var specs []stream.Spec
		c.Access = map[string][]string{}
		for _, r := range rules {
			spec := stream.Spec{Name: r.name, ReplayBytes: logBytes}
			if r.everyone {
				spec.Audience = stream.AudienceEveryone
			}
			specs = append(specs, spec)
			c.Access[r.name] = r.access
		}
		c.Hub, c.Auth = stream.NewHub(stream.Config{Streams: specs}), cast
	})
	f.hub.Close()
	f.hub = f.cfg.Hub
	t.Cleanup(f.hub.Close)
	offsets := make([]int64, len(rules))
	for i := range rules {
		f.hub.Begin(i, "e", []int64{0})
		f.hub.SetWarm(i)
	}
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serve(l)

	type reader struct {
		*opened
		who     auth.Principal
		streams []string
		subject string
		owed    map[string][]string // by stream
	}
	var readers []*reader
	for i, p := range cast {
		for range 2 {
			query, asked := "", []string(nil)
			if random.IntN(2) == 0 {
				asked = subset("board", "news", "orders", "returns")
			}
			if asked != nil {
				query = "?stream=" + strings.Join(asked, ",")
			}
			var want []string
			refused := asked != nil && len(asked) == 0
			for _, r := range rules {
				switch in := asked == nil || slices.Contains(asked, r.name); {
				case in && r.may(p):
					want = append(want, r.name)
				case in && asked != nil:
					refused = true
				}
			}
			s := f.get("/events"+query, "X-Cast", strconv.Itoa(i))
			if refused || len(want) == 0 {
				if s.StatusCode != http.StatusForbidden {
					t.Errorf("%+v, %q: %s", p, query, s.Status)
				}
				continue
			}
			hello := s.want("sluice.hello", "*")
			if !strings.HasSuffix(hello.Data, fmt.Sprintf(`"streams":["%s"]}`, strings.Join(want, `","`))) {
				t.Fatalf("%+v, %q, is told %s, want %q", p, query, hello.Data, want)
			}
			readers = append(readers, &reader{opened: s, who: p, streams: want, subject: p.Subject, owed: map[string][]string{}})
		}
	}

	publish := func(i int, text, subject string, users ...string) {
		for _, r := range readers {
			mine := slices.Contains(users, r.who.User) || rules[i].everyone || r.who.User == "" && r.subject != ""
			if mine && slices.Contains(r.streams, rules[i].name) && (r.subject == "" || r.subject == subject) {
				r.owed[rules[i].name] = append(r.owed[rules[i].name], text)
			}
		}
		e := stream.Event{Offset: offsets[i], Subject: []byte(subject), Data: []byte(rules[i].name + " " + text)}
		for _, u := range users {
			e.Users = append(e.Users, []byte(u))
		}
		offsets[i]++
		f.hub.Publish(i, []stream.Event{e})
	}
	for n := range events {
		users := slices.Compact(slices.Sorted(slices.Values([]string{user(), user()})))
		publish(random.IntN(len(rules)), fmt.Sprint(n), pick("", "o-1", "o-10", "O-1"), users...)
	}
	all := []string{"alice", "Alice", "alice ", "al", "bob", "staff", "customer"}
	for i := range rules {
		for _, subject := range []string{"o-1", "o-10", "O-1"} {
			publish(i, "end of "+subject, subject, all...)
		}
	}

	var reading sync.WaitGroup
	delivered := make([]int, len(readers))
	for i, r := range readers {
		reading.Go(func() {
			left := 0
			for _, texts := range r.owed {
				left += len(texts)
			}
			for ; left > 0; left-- {
				e, err := r.events.Next()
				if err != nil {
					t.Errorf("%+v: %v, with %d to come", r.who, err, left)
					return
				}
				name, text, _ := strings.Cut(e.Data, " ")
				if texts := r.owed[name]; len(texts) == 0 || texts[0] != text {
					t.Errorf("%+v was sent %q", r.who, e.Data)
					return
				}
				r.owed[name] = r.owed[name][1:]
				delivered[i]++
			}
		})
	}
	reading.Wait()
	total := 0
	for _, n := range delivered {
		total += n
	}
	t.Logf("%d deliveries to %d streams of %d people", total, len(readers), people)
}
