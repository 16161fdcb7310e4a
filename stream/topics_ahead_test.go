package stream

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"sluice/stream/cursor"
)

// A page is ahead of this gateway in a topic that it has yet to find. An election has
// taken back the topic's end. When the gateway learns of both, the page is told, though
// nothing in the topic is for it.
func TestAheadInATopicToComeIsToldOfAnUncleanElection(t *testing.T) {
	k := newTopicsKafka()
	k.create("orders.a", 1)
	b := k.create("orders.b", 1)
	for i := range int64(8) {
		b.partitions[0] = append(b.partitions[0], &Event{Offset: i, Users: [][]byte{[]byte("alice")}, Data: fmt.Append(nil, i)})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	spec := Spec{Name: "orders", Several: true}
	open := func(g *manyGateway, id string) *page {
		t.Cleanup(g.hub.Close)
		r := &rig{&gateway{hub: g.hub, wakes: g.wakes, waker: g.waker}, t}
		return r.open(Request{Cursor: id})
	}
	one := newManyGateway(k, spec, cursor.Plain, rnd, "")
	one.readAll(rnd)
	id := open(one, "").id

	other := newManyGateway(k, spec, cursor.Plain, rnd, "orders.b")
	p := open(other, id).begins(OutcomeResumed)
	p.gets()
	if p.heartbeat() != id {
		t.Errorf("ahead, the id is %s, want %s", p.id, id)
	}
	other.find("orders.b", rnd)
	partition, _ := other.hub.StreamPartition(0, "orders.b", 0)
	other.hub.SetLeaderEpoch(0, partition, manyEpoch+1, 3)
	for i := range int64(20) {
		other.hub.Publish(0, []Event{{Partition: partition, Offset: i, Users: [][]byte{[]byte("bob")}, Data: []byte("new")}})
	}
	if p.heartbeat() != id {
		t.Errorf("not told yet, the id is %s", p.id)
	}
	p.gets("reset truncated orders [0 8 3]")
}
