package server

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/auth"
)

func evicting(n int) func(*Config) {
	return func(c *Config) {
		c.Auth = auth.None{}
		c.Limits = Limits{PerUser: n, EvictOldest: true}
	}
}

func TestTheOldestStreamGivesWayToANewOne(t *testing.T) {
	f := begin(t, evicting(2))
	open := func(more ...string) *opened {
		return f.get("/events?user=alice", append([]string{"Accept", "text/event-stream"}, more...)...)
	}
	first, second := open(), open()
	first.want("sluice.hello", "*")
	second.want("sluice.hello", "*")
	third := open()
	third.want("sluice.hello", "*")
	closing := first.want("sluice.closing", `{"reason":"evicted","retry_ms":60000}`)
	first.wantEnd()
	if closing.ID == "" {
		t.Error("no id to come back with")
	}
	eventually(t, "it is counted no more", func() bool { return f.closings(evicted) == 1 })
	for range 3 {
		back := open("Last-Event-ID", closing.ID)
		back.want("sluice.unavailable", `{"reason":"per_user","retry_ms":15000}`)
		back.wantEnd()
	}
	f.get("/events?user=bob", "Last-Event-ID", closing.ID).want("sluice.hello", "*")
	third.cancel()
	eventually(t, "there is room, at nobody's cost", func() bool {
		back := open("Last-Event-ID", closing.ID)
		defer back.cancel()
		e, err := back.events.Next()
		return err == nil && e.Name == "sluice.hello"
	})
	f.order("alice", "1")
	second.want("message", "1")
	if n := f.closings(evicted); n != 1 {
		t.Errorf("%v evictions", n)
	}
}

// Pages that come back when they are told to don't evict each other.
func TestThirteenTabsForTenMinutesTakeOneEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEvictions()
		l := newLimiter(Limits{PerUser: 12})
		user := l.callers("alice", netip.Addr{})[0]
		type tab struct {
			id    string
			open  bool
			again time.Time
		}
		tabs := make([]tab, 13)
		evictions := 0
		began := time.Now()
		for at := began; at.Before(began.Add(10 * time.Minute)); at = at.Add(time.Second) {
			<-time.After(time.Until(at))
			for i := range tabs {
				me := &tabs[i]
				if me.open || time.Now().Before(me.again) {
					continue
				}
				if _, why := l.countUpTo([2]uint64{user}, 12); why == "" {
					me.open = true
					continue
				}
				me.again = time.Now().Add(15 * time.Second)
				if !e.may(user, me.id) {
					continue
				}
				evictions++
				oldest := &tabs[0]
				oldest.open, oldest.id, oldest.again = false, "position", time.Now().Add(evictedRetry.duration())
				e.remember(user, oldest.id)
				me.open = true
			}
		}
		if evictions != 1 {
			t.Errorf("%d evictions", evictions)
		}
	})
}

func TestEvictionsAreForgottenAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEvictions()
		e.remember(1, "a")
		if e.may(1, "a") || !e.may(1, "b") || !e.may(2, "a") || !e.may(1, "") {
			t.Error("who gave way")
		}
		for i := range 2 * maxEvictions {
			e.remember(uint64(i), strings.Repeat("x", 10))
		}
		if len(e.until) > maxEvictions || e.may(1<<40, "") {
			t.Errorf("%d are remembered, or somebody may evict beyond", len(e.until))
		}
		<-time.After(evictedFor)
		if !e.may(1, "a") || len(e.until) > 0 {
			t.Errorf("%d are remembered", len(e.until))
		}
	})
}
