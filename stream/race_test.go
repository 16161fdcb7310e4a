package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// Every exported method at the same time, for the race detector; and those who were there
// all along got everything once.
func TestEverythingAtOnce(t *testing.T) {
	k := newKafka(2, 3)
	r := &rig{newGateway(k, []Spec{{Name: "orders", ReplayBytes: 20_000}, {Name: "news", Audience: AudienceEveryone, ReplayBytes: 20_000}}, func(int64) int64 { return 0 }), t}
	defer r.hub.Close()
	const n = 2000
	var work sync.WaitGroup
	stop, cancel := context.WithCancel(t.Context())
	for worker := range 4 { // pages that come, look and go, or lag
		work.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(worker), 3))
			id := ""
			for stop.Err() == nil {
				s, o, err := r.hub.Open(stop, Request{
					Streams: [][]int{{0}, {1}, {0, 1}}[rnd.IntN(3)], User: "alice", Filter: []Filter{{}, About("1"), About("0", "1")}[rnd.IntN(3)], Cursor: id,
					From: []From{{}, {Kind: FromEarliest}, {Kind: FromLast, N: 3}, {Kind: FromSince, Since: time.Now()}}[rnd.IntN(4)], Waker: r.waker, Token: uint32(worker),
				})
				if err != nil {
					if stop.Err() == nil {
						t.Error(err)
					}
					return
				}
				id = o.ID
				for range rnd.IntN(20) {
					var b Batch
					s.Pull(&b, 1000)
					s.Stale()
					if at := s.AppendID(nil); len(at) > 0 {
						id = string(at)
					}
				}
				s.Close()
				s.Close()
			}
		})
	}
	work.Go(func() {
		for i := 0; stop.Err() == nil; i++ {
			r.hub.SetStale(i%2, []time.Time{{}, time.Now()}[i%2])
			r.hub.Stats(i % 2)
			r.hub.Positions(i % 2)
			r.hub.Specs()
			r.hub.Lookup("news")
			if i < 50 {
				r.hub.AddWaker(r.wakes)
			}
			r.hub.SetWarm(0)
		}
	})
	var readers sync.WaitGroup
	for i := range 2 {
		p := r.open(Request{Streams: []int{i}})
		readers.Go(func() { // one that keeps up, through whatever
			want := 0
			for {
				pulled, got := p.pull(1 << 20)
				for _, data := range got {
					if data != fmt.Sprint(want) {
						t.Errorf("stream %d: got %s, want %d", i, data, want)
						return
					}
					want++
				}
				switch pulled {
				case Drained:
					if want == n {
						return
					}
					<-r.wakes.channel(p.token)
				case Lagged:
					p.sub.Close()
					next, err := r.try(Request{Streams: []int{i}, Cursor: p.id})
					if err != nil {
						t.Error(err)
						return
					}
					p = next
				}
			}
		})
	}
	for i := range n {
		for s := range 2 {
			k.put(s, 0, Event{Users: [][]byte{[]byte("alice"), []byte("bob")}, Subject: fmt.Append(nil, i%2), Data: fmt.Append(nil, i)})
			k.hole(s, 1, 1)
			r.read(s, 0, 10)
			r.read(s, 1, 10)
		}
	}
	readers.Wait()
	cancel()
	work.Wait()
}

// A hub closed under everybody's hands: all get an answer, and nothing hangs.
func TestCloseUnderEverybody(t *testing.T) {
	r := newRig(t, 1, orders)
	older(r, 50, "alice")
	var work sync.WaitGroup
	opened := make(chan struct{}, 8)
	for i := range 8 {
		work.Go(func() {
			for {
				p, err := r.try([]Request{{}, {Cursor: "orders@ep0:0"}, lastN(5), {From: From{Kind: FromEarliest}}}[i%4])
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				select {
				case opened <- struct{}{}:
				default:
				}
				p.pull(100)
				p.sub.Close()
			}
		})
	}
	for range 8 {
		<-opened
	}
	r.hub.Close()
	work.Wait()
}
