package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// size is how big a run is.
type size struct {
	users, events, faults int
	rate                  int // events a second
	deadline              time.Duration
}

func runSize() size {
	if os.Getenv("SLUICE_TEST_FULL") == "1" {
		return size{users: 200, events: 50_000, faults: 20, rate: 500, deadline: 20 * time.Minute}
	}
	return size{users: 20, events: 5_000, faults: len(faults) + 1, rate: 100, deadline: 8 * time.Minute}
}

// seed is SLUICE_TEST_SEED, or another one each time.
func seed(t *testing.T) uint64 {
	text := os.Getenv("SLUICE_TEST_SEED")
	if text == "" {
		return rand.Uint64()
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("SLUICE_TEST_SEED: %v", err)
	}
	return n
}

// Whatever breaks, every client gets every event that is meant for it, once, in its
// partition's order, and no other. It is told of a reset where one had to happen, and
// nowhere else.
func TestNothingIsLost(t *testing.T) {
	size, seed := runSize(), seed(t)
	t.Logf("%d users, %d events, %d faults; SLUICE_TEST_SEED=%d repeats the choices", size.users, size.events, size.faults, seed)
	ctx, cancel := context.WithTimeoutCause(t.Context(), size.deadline, errors.New("the run's time is over"))
	defer cancel()
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(ctx, t, random, size.users)

	load := w.startLoad(size.events, size.rate)
	struck := make(map[string]int)
	plan := plan(random, size.faults-1) // the last one comes when the load is over
	for i, f := range plan {
		due := (i + 1) * size.events / (len(plan) + 2)
		w.await(fmt.Sprintf("event %d", due), func() bool { return w.books.AckedEvents() >= due })
		t.Logf("%d of %d, after %d events: %s", i+1, size.faults, w.books.AckedEvents(), f.name)
		f.strikes(w)
		struck[f.name]++
	}
	w.must(load.finish())
	const last = "transaction aborted as the last thing in the log"
	t.Logf("%d of %d, after %d events: %s", size.faults, size.faults, w.books.AckedEvents(), last)
	w.abortLast()
	struck[last]++

	verdict := w.books.Verdict()
	var report strings.Builder
	for name, n := range struck {
		fmt.Fprintf(&report, "\n    %d× %s", n, name)
	}
	t.Logf("%d clients, %d of them on several streams at once (two for everyone), %d polling, %d roaming all the time; users spread over partitions by random keys%s\n%v",
		len(w.readers), len(w.where(func(r *reader) bool { return r.page.Reads(volatile) })), len(w.where(func(r *reader) bool { return r.page.Polls() })), len(w.roamers), &report, verdict)
	if !verdict.Clean() {
		t.Error("promises were broken")
	}
}

// plan is the order in which faults strike: each kind, and then some more of those that
// can repeat.
func plan(random *rand.Rand, n int) []fault {
	planned := append([]fault(nil), faults...)
	for len(planned) < n {
		if f := faults[random.IntN(len(faults))]; f.again {
			planned = append(planned, f)
		}
	}
	random.Shuffle(len(planned), func(i, j int) { planned[i], planned[j] = planned[j], planned[i] })
	return planned
}

func TestPlanHasEveryKind(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for n := range 30 {
		kinds := make(map[string]int)
		for _, f := range plan(random, n) {
			kinds[f.name]++
			if kinds[f.name] > 1 && !f.again {
				t.Errorf("%s strikes %d times", f.name, kinds[f.name])
			}
		}
		if len(kinds) != len(faults) {
			t.Errorf("a plan of %d has %d of %d kinds", n, len(kinds), len(faults))
		}
	}
}
