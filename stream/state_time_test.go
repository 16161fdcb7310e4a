package stream

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// at publishes a record with any timestamp: of a subject, alice's.
func (r *stateRig) at(p int, timestamp int64, subject, data string) {
	r.hub.Publish(0, []Event{{
		Partition: int32(p), Offset: r.next[p], Timestamp: timestamp, Key: []byte(subject), Subject: []byte(subject),
		Users: [][]byte{[]byte("alice")}, Data: []byte(data),
	}})
	r.next[p]++
}

// TestFutureTimestampsPushNobodyOut: a producer that writes microseconds fills the state,
// and what others write afterwards is in it, and what they wrote before lives as long as
// the producer's.
func TestFutureTimestampsPushNobodyOut(t *testing.T) {
	for name, wrong := range map[string]func(now int64) int64{
		"microseconds": func(now int64) int64 { return now * 1000 },
		"a day ahead":  func(now int64) int64 { return now + 86_400_000 },
		"the greatest": func(int64) int64 { return math.MaxInt64 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newStateRig(t, 2, keeping(AudienceUser))
			now := time.Now().UnixMilli()
			for i := range 5000 {
				r.at(0, wrong(now)-int64(i%7), fmt.Sprint("bad-", i), strings.Repeat("x", 300))
			}
			for i := range 3000 {
				r.at(i%2, now+int64(i), fmt.Sprint("good-", i), strings.Repeat("x", 300))
				r.at(0, wrong(now), fmt.Sprint("worse-", i), strings.Repeat("x", 300))
			}
			s := r.state(StateRequest{User: "alice"})
			count := map[string]int{}
			for _, l := range s.Latest {
				kind, _, _ := strings.Cut(string(l.Subject), "-")
				count[kind]++
				if l.Time > now+3000 {
					t.Fatalf("%s is of %d, which is to come", l.Subject, l.Time)
				}
			}
			if count["bad"] > 0 || count["good"] < 500 || count["worse"] < 500 || count["good"]-count["worse"] > 10 || count["worse"]-count["good"] > 10 {
				t.Errorf("the state has %v", count)
			}
			if s.Complete || s.Since.After(time.Now().Add(MaxAhead)) {
				t.Errorf("it reaches back to %v, complete %v", s.Since, s.Complete)
			}
		})
	}
}

// TestARecordAheadOfItsTimeIsOfItOnceItComes: two gateways agree, one that has read a
// record whose clock was ahead at once, the other afterwards.
func TestARecordAheadOfItsTimeIsOfItOnceItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().UnixMilli()
		early := newStateRig(t, 2, keeping(AudienceUser))
		write := func(r *stateRig) {
			r.at(0, start-5000, "o-0", "sane")
			r.at(0, start+600_000, "o-1", "ahead")
			r.at(1, start+1000, "o-1", "right")
			r.at(0, math.MaxInt64, "o-2", "never")
		}
		write(early)
		early.has("alice", "o-0=sane", "o-2=never", "o-1=right")
		<-time.After(10 * time.Minute) // of the bubble's clock
		late := newStateRig(t, 2, keeping(AudienceUser))
		write(late)
		for _, r := range []*stateRig{early, late} {
			r.at(1, start+2000, "o-3", "more")
			s := r.state(StateRequest{User: "alice"})
			if got := texts(s); !slices.Contains(got, "o-1=ahead") || len(got) != 4 {
				t.Errorf("alice has %q", got)
			}
		}
		// Those that were replaced meanwhile are forgotten.
		for range 3000 {
			early.at(0, start+2_000_000, "o-1", "again")
		}
		if n := len(early.hub.logs[0].state.ahead); n > 3*StateRun {
			t.Errorf("%d records wait for their time, of which all but one have been replaced", n)
		}
	})
}

// TestTheNewestRecordsAreNeverTooOld has timestamps of events long ago, in seconds, or
// none at all. What was just written is in the state of every gateway all the same. Age
// bounds what is further behind.
func TestTheNewestRecordsAreNeverTooOld(t *testing.T) {
	now := time.Now()
	for name, timestamp := range map[string]int64{"seconds": now.Unix(), "event time": now.AddDate(-3, 0, 0).UnixMilli(), "none": -1, "zero": 0} {
		t.Run(name, func(t *testing.T) {
			spec := keeping(AudienceEveryone)
			spec.State.MaxBytes = 64 << 20
			r := newStateRig(t, 1, spec)
			r.at(0, timestamp, "o-1", "placed")
			r.at(0, timestamp, "o-2", "placed")
			r.at(0, timestamp, "o-1", "confirmed")
			r.has("", "o-2=placed", "o-1=confirmed")
			if s := r.state(StateRequest{}); !s.Complete {
				t.Error("it is not complete")
			}
			more := make([]Event, NewestKept(1)-1)
			for i := range more {
				more[i] = Event{Offset: r.next[0] + int64(i), Timestamp: timestamp, Subject: fmt.Append(nil, "more-", i), Data: []byte("x")}
			}
			r.hub.Publish(0, more)
			r.next[0] += int64(len(more))
			if got := r.state(StateRequest{}); len(got.Latest) != len(more)+1 || string(got.Latest[0].Subject) != "o-1" {
				t.Errorf("%d subjects, the first is %s; want %d from o-1 on", len(got.Latest), got.Latest[0].Subject, len(more)+1)
			}
			r.at(0, now.UnixMilli(), "o-9", "x")
			if got := r.state(StateRequest{Filter: About("o-1")}); len(got.Latest) != 0 {
				t.Error("o-1 is shown, beyond the newest and too old")
			}

			// Where memory ends first, it is the newest that stay, and that is said.
			spec.State.MaxBytes = 1 << 20
			small := newStateRig(t, 1, spec)
			small.hub.Publish(0, more)
			s := small.state(StateRequest{})
			if s.Complete || len(s.Latest) < 1000 || len(s.Latest) > 6000 {
				t.Errorf("%d subjects, complete %v", len(s.Latest), s.Complete)
			}
			if last := s.Latest[len(s.Latest)-1].Offset; last != more[len(more)-1].Offset || s.Latest[0].Offset != last-int64(len(s.Latest))+1 {
				t.Errorf("it has %d to %d", s.Latest[0].Offset, last)
			}
		})
	}
}

// TestWhatIsTooOldBringsNothingOlderBack: a subject's latest goes, and what another
// partition has of it isn't its latest then.
func TestWhatIsTooOldBringsNothingOlderBack(t *testing.T) {
	r := newStateRig(t, 2, keeping(AudienceUser))
	r.hub.logs[0].state.newest = func(int) int64 { return 3 }
	r.at(0, 1000, "o-1", "placed")
	r.at(1, 2000, "o-1", "shipped")
	r.at(0, 1000, "o-2", "placed")
	r.has("alice", "o-2=placed", "o-1=shipped")
	for i := range 3 {
		r.at(1, time.Now().UnixMilli()+int64(i), "o-3", "x")
	}
	r.has("alice", "o-2=placed", "o-3=x")
}

// TestKeysOfOneSubject: on a compacted topic a subject has many keys, and an event looks
// at none of the others.
func TestKeysOfOneSubject(t *testing.T) {
	spec := keeping(AudienceUser)
	spec.State.MaxBytes = 64 << 20
	r := newStateRig(t, 2, spec)
	r.hub.Retained(0, nil, true, []int64{0, 0})
	table := r.hub.logs[0].state
	const keys = 20_000
	write := func(key int, data string) {
		p := key % 2
		r.hub.Publish(0, []Event{{
			Partition: int32(p), Offset: r.next[p], Timestamp: r.next[p], Key: fmt.Append(nil, "sku-", key),
			Subject: []byte("warehouse"), Users: [][]byte{[]byte("alice")}, Data: []byte(data),
		}})
		r.next[p]++
	}
	for k := range keys {
		write(k, fmt.Sprint(k))
	}
	table.looked = 0
	for k := range keys {
		write(k*7919%keys, fmt.Sprint("again ", k))
	}
	if table.looked > 8*keys {
		t.Errorf("%d slots were looked at for %d events", table.looked, keys)
	}
	r.has("alice", fmt.Sprint("warehouse=again ", keys-1))
	table.looked = 0
	if got := texts(r.state(StateRequest{AnyUser: true, Filter: About("warehouse")})); !slices.Equal(got, []string{fmt.Sprint("warehouse=again ", keys-1)}) || table.looked > 8 {
		t.Errorf("got %q, for which %d slots were looked at", got, table.looked)
	}
}

// TestTimesFromOutsideCanBeWritten: whatever a timestamp is, JSON has a text for it.
func TestTimesFromOutsideCanBeWritten(t *testing.T) {
	for ms, want := range map[int64]string{
		math.MinInt64: "1970-01-01T00:00:00Z", -1: "1970-01-01T00:00:00Z", 0: "1970-01-01T00:00:00Z",
		1_700_000_000_000: "2023-11-14T22:13:20Z", lastTime: "9999-12-31T23:59:59.999Z", lastTime + 1: "9999-12-31T23:59:59.999Z",
		math.MaxInt64: "9999-12-31T23:59:59.999Z",
	} {
		if got, err := Time(ms).UTC().MarshalText(); string(got) != want || err != nil {
			t.Errorf("%d: %s, %v; want %s", ms, got, err, want)
		}
		if got, err := BoundTime(time.UnixMilli(ms)).UTC().MarshalText(); string(got) != want || err != nil {
			t.Errorf("%d as a time: %s, %v; want %s", ms, got, err, want)
		}
	}
	if !BoundTime(time.Time{}).IsZero() {
		t.Error("the zero time is one")
	}
}

// TestStateWithoutSaneTimes: extreme timestamps in a table that is full, on every way to
// read it.
func TestStateWithoutSaneTimes(t *testing.T) {
	r := newStateRig(t, 1, Spec{Name: "orders", State: StateBounds{MaxBytes: 8 << 10}})
	for i, ms := range slices.Repeat([]int64{math.MinInt64, -1, 0, math.MaxInt64, math.MaxInt64 / 1000}, 40) {
		r.at(0, ms, fmt.Sprint("o-", i), strings.Repeat("x", 50))
		s, err := r.hub.State(context.Background(), StateRequest{Streams: []int{0}, User: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Since.MarshalText(); err != nil {
			t.Fatalf("since: %v", err)
		}
	}
}
