package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

// electionRounds is how many elections there are, one after the other. Pages can be away
// over all.
const electionRounds = 2

// uncleanReplicas are the brokers that hold the partitions of each topic. All but the
// last partition lose records in each election; of the last the leader stays.
var uncleanReplicas = [][]int32{{2, 3}, {2, 3}, {2, 3}, {1, 2}}

var uncleanStreams = []string{orders, payments, news}

// visitor is one page's way through each election.
type visitor struct {
	leaves  leaving
	returns returning
	to      destination
	wait    string // of its polls
	polls   bool
	sealed  bool // its ids
}

// When a page leaves, and when and where to it comes back.
type (
	leaving     string
	returning   string
	destination string
)

const (
	never  leaving = "stays"
	before leaving = "leaves before the loss"
	after  leaving = "leaves after the loss"

	early returning = "returns while past the end"
	late  returning = "returns when grown past"
	last  returning = "returns after the last election"

	home  destination = "home"
	other destination = "elsewhere"
	fresh destination = "to a fresh gateway"
)

func (v visitor) String() string {
	how, ids := "stream", "plain"
	if v.polls {
		how = "polls" + v.wait
	}
	if v.sealed {
		ids = "sealed"
	}
	return fmt.Sprint(how, ", ", ids, ", ", v.leaves, ", ", v.returns, ", ", v.to)
}

// visitors are all ways there are. Most runs take a part of them.
func visitors() (all []visitor) {
	for _, sealed := range []bool{false, true} {
		for _, how := range []visitor{{}, {polls: true}, {polls: true, wait: "25s"}} {
			how.sealed, how.leaves = sealed, never
			all = append(all, how)
			for _, how.leaves = range []leaving{before, after} {
				for _, how.returns = range []returning{early, late, last} {
					for _, how.to = range []destination{home, other, fresh} {
						all = append(all, how)
					}
				}
			}
		}
	}
	return all
}

// Each election loses the end of several partitions, and other records take their
// offsets. Every page is sent all that the surviving log has after its position. Where it
// had been sent, or had passed, what was lost, a reset from where the loss began tells it
// so first. This holds for pages that stayed and pages that were away, by streams and
// polls, with plain and sealed ids. It also holds for a gateway that never saw what was
// lost.
//
// It takes a minute and a half, most of it for brokers to start and for sessions of
// killed ones to end.
func TestUncleanElections(t *testing.T) {
	seed := seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	all := visitors()
	part, deadline := all, 15*time.Minute
	if os.Getenv("SLUICE_TEST_FULL") != "1" {
		part, deadline = nil, 7*time.Minute
		for _, v := range all {
			if v.leaves == never {
				part = append(part, v)
			}
		}
		for _, i := range random.Perm(len(all))[:len(all)/6] {
			part = append(part, all[i])
		}
	}
	t.Logf("%d pages; SLUICE_TEST_SEED=%d repeats the choices", len(part), seed)
	ctx, cancel := context.WithTimeoutCause(t.Context(), deadline, errors.New("the run's time is over"))
	defer cancel()
	w := newUncleanWorld(ctx, t, random, part)
	leader, follower := int32(2), int32(3)
	for round := range electionRounds {
		w.elect(leader, follower, round == electionRounds-1)
		leader, follower = follower, leader
	}
	w.compareWithKafka()
	w.compareStates()
	w.compareBeginnings()
	verdict := w.books.Verdict()
	t.Logf("%d elections: %v", electionRounds, verdict)
	if !verdict.Clean() {
		t.Error("promises were broken")
	}
	if verdict.Resets == 0 || verdict.ByPolls == 0 {
		t.Error("nothing was shown: nobody was told of anything, or nobody polled")
	}
}

func TestVisitorsAreAllDifferent(t *testing.T) {
	different := make(map[visitor]bool)
	for _, v := range visitors() {
		different[v] = true
	}
	if all := visitors(); len(slices.Collect(maps.Keys(different))) != len(all) || len(all) != 2*3*(1+2*3*3) {
		t.Errorf("%d of %d are different", len(different), len(all))
	}
}
