package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/stream/cursor"
	"sluice/stream/sse"
)

// named has the gateway read an event of alice's with a name.
func (r *rig) named(stream int, subject, name, data string) {
	r.t.Helper()
	r.kafka.put(stream, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte(subject), Name: name, Data: []byte(data)})
	r.readAll()
}

// story is a bit of everything.
func (r *rig) story(stream int) {
	for i, e := range [][2]string{{"o-1", "paid"}, {"o-2", "paid"}, {"o-1", ""}, {"o-3", "sent"}, {"", "sent"}, {"o-2", "sent"}, {"o-2", ""}} {
		r.named(stream, e[0], e[1], strconv.Itoa(i))
	}
}

func TestFilters(t *testing.T) {
	for name, tt := range map[string]struct {
		subjects, names []string
		want            []string
	}{
		"none":                    {want: []string{"0", "1", "2", "3", "4", "5", "6"}},
		"a subject":               {subjects: []string{"o-1"}, want: []string{"0", "2"}},
		"subjects":                {subjects: []string{"o-3", "o-1", "o-9"}, want: []string{"0", "2", "3"}},
		"a name":                  {names: []string{"paid"}, want: []string{"0", "1"}},
		"names":                   {names: []string{"message", "sent"}, want: []string{"2", "3", "4", "5", "6"}},
		"a subject and a name":    {subjects: []string{"o-2"}, names: []string{"paid"}, want: []string{"1"}},
		"subjects and names":      {subjects: []string{"o-2", "o-1"}, names: []string{"message", "paid"}, want: []string{"0", "1", "2", "6"}},
		"a name that is a prefix": {names: []string{"pai", "sen"}},
	} {
		for stream, spec := range []Spec{orders, news} {
			t.Run(name+" of "+spec.Name, func(t *testing.T) {
				r := newRig(t, 1, orders, news)
				q := Request{Streams: []int{stream}, Filter: NewFilter(tt.subjects, tt.names)}
				live := r.open(q).begins(OutcomeLive)
				r.story(stream)
				live.getsAll(tt.want...)
				q.From = From{Kind: FromEarliest}
				memory := r.open(q)
				memory.getsAll(tt.want...)
				r.evict(stream)
				kafka := r.open(q)
				kafka.getsAll(tt.want...)
				q.From = From{Kind: FromLast, N: 2}
				r.open(q).getsAll(tt.want[max(0, len(tt.want)-2):]...)
				if memory.heartbeat() != live.heartbeat() || kafka.heartbeat() != live.heartbeat() {
					t.Errorf("they stand at %s, %s and %s", live.id, memory.id, kafka.id)
				}
				r.open(Request{Streams: []int{stream}, Filter: NewFilter(slices.Repeat(tt.subjects, 2), slices.Concat(tt.names, tt.names)), Cursor: live.id}).begins(OutcomeResumed).gets()
			})
		}
	}
}

// Rule 7: a position is one under its own filter and under any narrower one.
func TestAPositionHoldsUnderANarrowerFilter(t *testing.T) {
	r := newRig(t, 1, orders)
	r.story(0)
	one, two, name := []string{"o-1"}, []string{"o-2", "o-1"}, []string{"paid"}
	for _, tt := range []struct {
		was, is Filter
		holds   bool
	}{
		{NewFilter(two, nil), NewFilter([]string{"o-1", "o-2", "o-1"}, nil), true},
		{NewFilter(two, nil), NewFilter(two, name), true},
		{NewFilter(nil, name), NewFilter(two, name), true},
		{Filter{}, NewFilter(two, name), true},
		{NewFilter(two, name), NewFilter(two, nil), false},
		{NewFilter(two, name), NewFilter(nil, name), false},
		{NewFilter(nil, name), NewFilter(nil, nil), false},
		{NewFilter(two, nil), NewFilter(one, nil), false}, // ids tell that it is another, not which
		{NewFilter(one, nil), NewFilter(nil, one), false},
		{NewFilter([]string{"ab", "c"}, nil), NewFilter([]string{"a", "bc"}, nil), false},
	} {
		p := r.open(Request{Cursor: r.open(Request{Filter: tt.was}).id, Filter: tt.is})
		if holds := p.outcome == OutcomeResumed; holds != tt.holds {
			t.Errorf("from %v to %v it is %s %v", tt.was, tt.is, p.outcome, p.resets)
		}
	}
	if id := r.open(Request{Filter: About("o-77")}).id; !strings.HasSuffix(id, "*"+cursor.FilterMark("o-77")) {
		t.Errorf("one subject's mark is its own: %s", id)
	}
}

// follow narrows the page to something else.
func (p *page) follow(f Filter) {
	p.r.t.Helper()
	id, ok := p.sub.SetFilter(f)
	if !ok {
		p.r.t.Fatal("no other filter")
	}
	p.sent(id)
}

// A change of the filter neither loses nor repeats what both filters leave, wherever the
// subscription is read from.
func TestSetFilter(t *testing.T) {
	for _, spec := range []Spec{orders, news} {
		t.Run(spec.Name, func(t *testing.T) {
			r := newRig(t, 1, spec)
			p := r.open(Request{})
			r.named(0, "o-1", "paid", "before")
			p.follow(About("o-1", "o-2")) // nothing has been pulled: all of it comes by the new filter
			p.gets("before")
			r.named(0, "o-3", "", "not mine")
			p.gets()
			p.follow(About("o-3"))
			r.named(0, "o-3", "", "mine")
			p.gets("mine")
			at := p.id
			p.sub.Close()
			r.named(0, "o-3", "paid", "while away")
			r.evict(0)
			p = r.open(Request{Filter: About("o-3"), Cursor: at}).begins(OutcomeResumed)
			p.follow(NewFilter(nil, []string{"paid"})) // it waits for Kafka
			p.gets("while away")
			p.follow(Filter{})
			p.gets()
			r.named(0, "", "", "everything")
			if !p.woken() {
				t.Error("not woken")
			}
			p.gets("everything")
			if p.hasOwn() {
				t.Error("without a filter a number is enough")
			}
			p.neverBack()
			if n := len(r.hub.anyUser); n != 0 {
				t.Errorf("%d subjects are still followed", n)
			}
		})
	}
}

// What a filter leaves out is looked at by nobody. So who changes it may be at any entry
// of the log, before a jump that it has not been told of too. The position returned is
// where the new filter begins: nothing after it may be left out.
func TestSetFilterBeforeAJump(t *testing.T) {
	jumps := map[string]func(r *rig) (resets []string){
		"none": func(*rig) []string { return nil },
		"recreated": func(r *rig) []string {
			r.kafka.recreate(0, 1)
			r.readAll()
			return []string{"reset recreated %s [0 4 0]"}
		},
		"recreated twice": func(r *rig) []string {
			r.kafka.recreate(0, 1)
			r.readAll()
			r.kafka.recreate(0, 1)
			r.readAll()
			return []string{"reset recreated %s [0 4 0]", "reset recreated %s [0 0 0]"}
		},
		"truncated": func(r *rig) []string {
			r.kafka.truncate(0, 0, 1)
			r.readAll()
			return []string{"reset truncated %s [0 4 1]"}
		},
		"retention": func(r *rig) []string {
			r.kafka.hole(0, 0, 2)
			r.kafka.retain(0, 0, 5)
			r.readAll()
			return []string{"reset retention %s [0 4 5]"}
		},
	}
	for jump, happen := range jumps {
		for _, ticket := range []bool{true, false} {
			for _, pulled := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, ticket %t, pulled %t", jump, ticket, pulled), func(t *testing.T) {
					spec, next := news, []string{"s1", "s2"}
					if ticket {
						spec, next = orders, []string{"s2"}
					}
					r := newRig(t, 1, spec)
					p := r.open(Request{Filter: About("s1"), AnyUser: ticket})
					p.gets()
					subjects := []string{"s1", "s2", "s1", "s2"}
					for i, subject := range subjects {
						r.named(0, subject, "", fmt.Sprint(i))
						if i == 0 && pulled {
							p.gets("0")
						}
					}
					resets := happen(r)
					p.follow(About(next...))
					from := offsetOf(t, p.id)
					if pulled != (from == 2) || !pulled && from != 0 {
						t.Errorf("it begins at %s", p.id)
					}
					var want []string
					for i := from; i < int64(len(subjects)); i++ {
						if slices.Contains(next, subjects[i]) {
							want = append(want, fmt.Sprint(i))
						}
					}
					for _, reset := range resets {
						want = append(want, fmt.Sprintf(reset, spec.Name))
					}
					p.gets(want...)
				})
			}
		}
	}
}

// One that catches up has not come to where its topic ended when that is deleted. It is
// told so first. A change of the filter doesn't take it to the topic's end.
func TestSetFilterAfterATopicThatIsCaughtUpOnIsDeleted(t *testing.T) {
	r := newRig(t, 1, orders, news)
	for i := range 3 {
		r.named(1, "s1", "", fmt.Sprint(i))
	}
	r.evict(1)
	r.gated()
	mark := "*" + cursor.FilterMark("s1")
	p := r.open(Request{Filter: About("s1"), Cursor: "news@ep0:1" + mark})
	r.named(0, "s1", "", "order")
	r.kafka.recreate(1, 1)
	r.named(1, "s2", "", "new")
	if _, got := p.pull(1); !slices.Equal(got, []string{"reset recreated news [0 1 0]"}) {
		t.Errorf("first it got %q", got)
	}
	p.follow(About("s1", "s2"))
	p.gets("order", "new")
}

// What is carried of other streams holds under the new filter too.
func TestSetFilterCarriesOtherStreams(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	both := r.open(Request{Filter: About("o-1")})
	p := r.open(Request{Streams: []int{0}, Filter: About("o-1"), Cursor: both.id, Note: ".n"}).begins(OutcomeResumed)
	r.named(1, "o-2", "", "meanwhile")
	p.follow(About("o-2", "o-1"))
	position, notes := cursor.SplitNotes(p.id)
	if !slices.Equal(notes, []string{".n"}) {
		t.Errorf("the notes of %s", p.id)
	}
	r.open(Request{Filter: About("o-1", "o-2"), Cursor: position}).begins(OutcomeResumed).gets("meanwhile")
}

func TestNoOtherFilter(t *testing.T) {
	r := newRig(t, 1, orders)
	ticket := r.open(Request{Filter: About("o-1"), AnyUser: true})
	for _, f := range []Filter{{}, About("o-1", "o-2"), NewFilter(nil, []string{"paid"})} {
		if _, ok := ticket.sub.SetFilter(f); ok {
			t.Errorf("nobody in particular is sent what %v leaves", f)
		}
	}
	ticket.follow(NewFilter([]string{"o-1"}, []string{"paid"}))
	ticket.sub.Close()
	if _, ok := ticket.sub.SetFilter(About("o-1")); ok {
		t.Error("of a subscription that is closed")
	}
	if _, ok := (Sub{}).SetFilter(Filter{}); ok {
		t.Error("of none")
	}
}

// TestFiftySubjectsThatChange is one connection that follows fifty subjects, others each
// time, while events are written. It is sent what a plain list says.
func TestFiftySubjectsThatChange(t *testing.T) {
	rnd := rand.New(rand.NewPCG(50, 1000))
	fifty := func() (subjects []string) {
		for range MaxFilter {
			subjects = append(subjects, fmt.Sprint("s", rnd.IntN(200)))
		}
		return subjects
	}
	r := newRig(t, 1, news)
	var subjects []string // all that has been written
	written, enough := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(written)
		random := rand.New(rand.NewPCG(1, 2))
		for {
			select {
			case <-enough:
				return
			default:
			}
			subjects = append(subjects, fmt.Sprint("s", random.IntN(200)))
			o := len(subjects) - 1
			r.hub.Publish(0, []Event{{Offset: int64(o), Subject: []byte(subjects[o]), Data: fmt.Append(nil, o)}})
		}
	}()

	type period struct {
		from    int64
		follows []string
	}
	follows := fifty()
	sub, opening, err := r.hub.Open(t.Context(), Request{Streams: []int{0}, Filter: About(follows...), Waker: r.waker, Token: r.wakes.next()})
	if err != nil {
		t.Fatal(err)
	}
	periods := []period{{offsetOf(t, opening.ID), follows}}
	var batch Batch
	var got []string
	pull := func() Pulled {
		batch.Reset()
		pulled := sub.Pull(&batch, 1+rnd.IntN(4000))
		wire := bytes.Join(batch.Bufs, nil)
		for {
			_, _, data, rest, ok := sse.Cut(wire)
			if !ok {
				return pulled
			}
			got, wire = append(got, string(data)), rest
		}
	}
	for range 1000 {
		pull()
		follows = fifty()
		id, ok := sub.SetFilter(About(follows...))
		if !ok {
			t.Fatal("no other filter")
		}
		periods = append(periods, period{offsetOf(t, id), follows})
	}
	close(enough)
	<-written
	for pull() != Drained {
	}

	var want []string // by the plain list
	periods = append(periods, period{from: int64(len(subjects))})
	for i, p := range periods[:len(periods)-1] {
		for at := p.from; at < periods[i+1].from; at++ {
			if slices.Contains(p.follows, subjects[at]) {
				want = append(want, fmt.Sprint(at))
			}
		}
	}
	if !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("%d of %d events, want %d", len(got), len(subjects), len(want))
	}
}

func offsetOf(t *testing.T, id string) int64 {
	segments, err := readPlain(id)
	if err != nil || len(segments) != 1 {
		t.Fatalf("%s: %v", id, err)
	}
	return at(segments[0].Offsets, 0)
}
