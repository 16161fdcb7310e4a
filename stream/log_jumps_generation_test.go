package stream

import (
	"testing"

	"sluice/stream/cursor"
)

// occupyPasses keeps passes over Kafka from beginning, until it is undone. That returns
// when all that wait for a pass have been served.
func (r *rig) occupyPasses() (undo func()) {
	ps := &r.hub.passes
	for range cap(ps.slots) {
		ps.slots <- struct{}{}
	}
	return func() {
		for range cap(ps.slots) {
			<-ps.slots
		}
		ps.wg.Wait()
	}
}

// neverUntold expects that every id says the leader epoch of every position.
func (p *page) neverUntold() {
	p.r.t.Helper()
	for _, id := range p.ids {
		segments, _ := readPlain(id)
		for _, s := range segments {
			for q, next := range s.Offsets {
				if next > 0 && cursor.LeaderAt(s.Leaders, q) == noEpoch {
					p.r.t.Errorf("%s: no leader epoch of partition %d", id, q)
				}
			}
		}
	}
}

// A page catches up over partition 0 while partition 1 loses records. It comes to where
// the log had not been read before that. Its ids say the leader epochs there, whatever
// happens to the log then.
func TestIDsSayLeaderEpochsOfWhatWasReadAfterAJumpElsewhere(t *testing.T) {
	for name, tt := range map[string]struct {
		happens func(r *rig)
		then    []string
	}{
		"nothing": {func(*rig) {}, []string{"reset truncated orders [1 5 3]"}},
		"recreated": {func(r *rig) {
			r.kafka.recreate(0, 2)
			r.readAll()
		}, []string{"reset recreated orders [0 40 0] [1 5 0]"}},
		"recreated twice": {func(r *rig) {
			for range 2 {
				r.kafka.recreate(0, 2)
				r.readAll()
				r.evict(0)
			}
		}, []string{"reset recreated orders [0 40 0] [1 5 0]"}},
		"truncated": {func(r *rig) {
			r.kafka.elect(0, 0, 30)
			r.readAll()
		}, []string{"reset truncated orders [1 5 3]", "reset truncated orders [0 40 30]"}},
		"truncated and recreated": {func(r *rig) {
			r.kafka.elect(0, 0, 30)
			r.readAll()
			r.kafka.recreate(0, 2)
			r.readAll()
		}, []string{"reset recreated orders [0 40 0] [1 5 0]"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newEpochs(t, 2, orders)
			r.fill(0, 0, 20, "old")
			r.fill(1, 0, 5, "other")
			r.evict(0)
			begin := r.occupyPasses()
			p := r.resume("orders@ep0:2-0.5-0")
			p.pull(1)
			r.kafka.elect(0, 1, 3)
			r.readAll()
			r.fill(0, 20, 40, "later")
			r.evict(0)
			begin()
			tt.happens(r)
			p.gets(append(append(numbered("old", 2, 20), numbered("later", 20, 40)...), tt.then...)...)
			p.neverUntold()
		})
	}
}
