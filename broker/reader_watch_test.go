package broker

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Partition 0 has a leader at last and can't begin, since the topic's configuration can't
// be had. Partition 1 has lost its position to retention, which needs no configuration.
func TestAStepThatFailsKeepsNoOtherFromBeingDone(t *testing.T) {
	f := newFake(t)
	f.create("orders", 2)
	for range 5 {
		f.produce(recordOf("orders", 1, "alice", `{}`))
	}
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "orders", Partition: 1, At: 3})
	if _, err := f.admin.DeleteRecords(t.Context(), offsets); err != nil {
		t.Fatal(err)
	}
	f.ControlKey(int16(kmsg.DescribeConfigs), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
		r := kmsg.NewDescribeConfigsResponseResource()
		r.ResourceName, r.ErrorCode = "orders", kerr.UnknownServerError.Code
		resp.Resources = append(resp.Resources, r)
		return resp, nil, true
	})
	sink := newRecorder(t, 1)
	r, err := NewReader(f.config(), kept("orders"), sink, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if r.cl, err = kgo.NewClient(r.opts...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.cl.Close)
	metas, err := describe(t.Context(), r.cl, "orders")
	if err != nil {
		t.Fatal(err)
	}
	tp := r.topics["orders"]
	tp.begun, tp.id, tp.next, tp.base = true, metas["orders"].id, []int64{0, 0}, []int64{0, 0}
	tp.stateFrom, tp.firstOffsets, tp.lineages, tp.warm = []int64{0, 0}, []int64{0, 0}, make([]lineage, 2), true
	tp.unbegun[0], tp.lost[1] = 0, true
	sink.Begin(0, "e", []int64{0, 0})
	if r.watchOnce(t.Context()) {
		t.Error("the round says that all was well")
	}
	sink.look(0, func(s *recorded) {
		if want := []string{"1 retention 0→3"}; !slices.Equal(s.jumps, want) {
			t.Errorf("jumps %q; want %q", s.jumps, want)
		}
	})
	if _, waits := tp.unbegun[0]; !waits || tp.lost[1] {
		t.Errorf("partition 0 waits: %v, partition 1 is lost: %v; want true and false", waits, tp.lost[1])
	}
}
