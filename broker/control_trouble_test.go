package broker

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestControlHearsATopicThatIsCreatedAnew(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("control", 1)
	c, h := listen(t, f.ListenAddrs())
	for i := range 5 { // so that the new topic is shorter
		if err := c.Announce(t.Context(), "k", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "all heard", func() bool { return len(h.sorted()) == 5 && c.CaughtUp() })
	if _, err := f.admin.DeleteTopics(t.Context(), "control"); err != nil {
		t.Fatal(err)
	}
	f.create("control", 3)
	await(t, "announced", func() bool { return c.Announce(t.Context(), "k", []byte("anew")) == nil })
	await(t, "heard", func() bool { return slices.Contains(h.sorted(), "anew") })
	if !c.CaughtUp() {
		t.Error("it was caught up before")
	}
}

func TestControlPassesOverABatchThatUnpacksToTooMuch(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("control", 1)
	c, h := listen(t, f.ListenAddrs())
	for _, message := range []string{"before", "", "after"} {
		if message == "" {
			f.bombTopic("control", minBatchBytes+1)
		} else if err := c.Announce(t.Context(), "k", []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	// On a busy machine unpacking takes so long that the client is replaced, and reads
	// again.
	await(t, "what came after is heard", func() bool { return slices.Equal(slices.Compact(h.sorted()), []string{"after", "before"}) })
	late, heard := listen(t, f.ListenAddrs())
	await(t, "caught up", late.CaughtUp)
	if got := slices.Compact(heard.sorted()); !slices.Equal(got, []string{"after", "before"}) {
		t.Errorf("caught up having heard %q", got)
	}
}

// What is no message moves no client, and must not keep a gateway from being caught up.
func TestControlIsCaughtUpBehindWhatWasAborted(t *testing.T) {
	f := newFake(t)
	f.create("control", 1)
	cl, err := kgo.NewClient(kgo.SeedBrokers(f.ListenAddrs()...), kgo.TransactionalID("tx"), kgo.DefaultProduceTopic("control"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord("aborted")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	c, h := listen(t, f.ListenAddrs())
	await(t, "caught up", c.CaughtUp)
	if got := h.sorted(); len(got) > 0 {
		t.Errorf("heard %q", got)
	}
}

// Retention has taken all that there was.
func TestControlIsCaughtUpWithATopicThatWasEmptied(t *testing.T) {
	f := newFake(t)
	f.create("control", 1)
	c, h := listen(t, f.ListenAddrs())
	if err := c.Announce(t.Context(), "k", []byte("gone")); err != nil {
		t.Fatal(err)
	}
	await(t, "heard", func() bool { return len(h.sorted()) == 1 })
	gone := make(kadm.Offsets)
	gone.Add(kadm.Offset{Topic: "control", Partition: 0, At: 1})
	if _, err := f.admin.DeleteRecords(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	late, heard := listen(t, f.ListenAddrs())
	await(t, "caught up", late.CaughtUp)
	if err := c.Announce(t.Context(), "k", []byte("new")); err != nil {
		t.Fatal(err)
	}
	await(t, "heard", func() bool { return slices.Equal(heard.sorted(), []string{"new"}) })
}

// A client that brings nothing, without an error, is found by where the partitions end.
func TestControlSaysThatItHearsNothing(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("control", 1)
	var silent atomic.Bool
	refused := newCounter()
	f.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if !silent.Load() {
			return nil, nil, false
		}
		refused.add()
		return nil, fmt.Errorf("hung up"), true
	})
	c, h := listen(t, f.ListenAddrs())
	await(t, "caught up", c.CaughtUp)
	if since, why := c.Unheard(); !since.IsZero() || why != "" {
		t.Errorf("unheard since %v: %s", since, why)
	}
	silent.Store(true)
	refused.wait(1) // the fetch that was waiting has ended
	// On a busy machine a record may time out, and be there twice.
	await(t, "announced", func() bool { return c.Announce(t.Context(), "k", []byte("a")) == nil })
	await(t, "it says so", func() bool { since, why := c.Unheard(); return !since.IsZero() && why != "" })
	silent.Store(false)
	await(t, "it is heard", func() bool { return slices.Equal(slices.Compact(h.sorted()), []string{"a"}) })
	await(t, "it says so", func() bool { since, _ := c.Unheard(); return since.IsZero() })
}
