package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Inspected is what Kafka says of a topic.
type Inspected struct {
	Partitions int
	Fault      string // why it can't be read, in plain words; "": it can
	Denied     bool   // this user may not read it, so waiting doesn't help
	Leaders    string // which of its leaders can't be reached, and why; "": all can
}

// Inspect asks Kafka once for topics, on separate connections, before anything is read.
// Any broker says which topics exist. Each leader is asked where its partitions end, and
// to fetch from there, as the reader would ask it. It fails if Kafka can't be asked at
// all, in plain words around the cause.
func Inspect(ctx context.Context, cfg Config, topics ...string) (map[string]Inspected, error) {
	cl, err := cfg.client()
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	for try := 1; ; try++ {
		found, moving, err := inspectOnce(ctx, cl, topics)
		if !moving || try == inspections {
			return found, err
		}
		select {
		case <-ctx.Done():
			return found, err
		case <-time.After(inspectPause):
		}
	}
}

// A topic that was just created, or whose leader has just changed, is asked about again.
const (
	inspections  = 4
	inspectPause = 250 * time.Millisecond
)

// ListTopicNames asks Kafka once which topics there are, without internal ones. Its
// errors are those of Inspect.
func ListTopicNames(ctx context.Context, cfg Config) ([]string, error) {
	cl, err := cfg.client()
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	names, err := askTopicNames(ctx, cl)
	if err != nil {
		return nil, &inspectError{err}
	}
	return names, nil
}

// inspectOnce asks once. moving says that a partition has no leader yet, or another one.
func inspectOnce(ctx context.Context, cl *kgo.Client, topics []string) (all map[string]Inspected, moving bool, err error) {
	metas, err := describe(ctx, cl, topics...)
	if err != nil {
		return nil, false, &inspectError{err}
	}
	found := make(map[string]Inspected, len(metas))
	for name, m := range metas {
		one := Inspected{Partitions: len(m.leaders)}
		if m.err != nil {
			one.Fault, one.Denied = plainText(m.err), errors.Is(m.err, kerr.TopicAuthorizationFailed)
		}
		found[name] = one
	}
	moving = inspectLeaders(ctx, cl, metas, found)
	return found, moving, nil
}

// inspectLeaders finds out whether the leaders of the topics can be read from here, and
// writes it to found. moving is that of inspectOnce.
func inspectLeaders(ctx context.Context, cl *kgo.Client, metas map[string]topicMeta, found map[string]Inspected) (moving bool) {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ends := list(asking, cl, metas, latest, committed)
	ends.wait()
	asked := make(map[int32][]topicOffsets) // by leader
	partitionErrs := make(map[string][]error)
	for _, name := range slices.Sorted(maps.Keys(metas)) {
		m := metas[name]
		offsets, errs := ends.of(name, m)
		at := make(map[int32][]partitionOffset)
		for p, err := range errs {
			leader := m.leaders[p]
			switch a := ends.byLeader[leader]; {
			case a != nil && a.err != nil: // found.Leaders says it
			case err != nil:
				partitionErrs[name] = append(partitionErrs[name], err)
			default:
				at[leader] = append(at[leader], partitionOffset{int32(p), offsets[p]})
			}
		}
		for leader, some := range at {
			asked[leader] = append(asked[leader], topicOffsets{name, m.id, some})
		}
	}
	unreached := make(map[int32]error)
	for leader, a := range ends.byLeader {
		if a.err != nil {
			unreached[leader] = a.err
		}
	}
	var mu sync.Mutex // guards partitionErrs and unreached while leaders are asked
	var fetching sync.WaitGroup
	for leader, topics := range asked {
		fetching.Go(func() {
			byTopic, err := fetchTopics(asking, cl, leader, topics, 1, 0)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				unreached[leader] = err
				return
			}
			for name, some := range byTopic {
				for _, got := range some {
					if got.err != nil {
						partitionErrs[name] = append(partitionErrs[name], partitionError(got.err))
					}
				}
			}
		})
	}
	fetching.Wait()

	for name, one := range found {
		for _, err := range partitionErrs[name] {
			moving = moving || errors.Is(err, kerr.NotLeaderForPartition) || errors.Is(err, kerr.LeaderNotAvailable)
			if denied := errors.Is(err, kerr.TopicAuthorizationFailed); one.Fault == "" || denied {
				one.Fault, one.Denied = plainText(err), one.Denied || denied
			}
		}
		var leaders []string
		for _, leader := range slices.Sorted(maps.Keys(unreached)) {
			if slices.Contains(metas[name].leaders, leader) {
				leaders = append(leaders, fmt.Sprintf("broker %d can't be asked: %s", leader, plainText(unreached[leader])))
			}
		}
		one.Leaders = strings.Join(leaders, "; ")
		found[name] = one
	}
	return moving
}

// inspectError has plain words for its text, and the cause for errors.Is.
type inspectError struct{ cause error }

func (e *inspectError) Error() string {
	return fmt.Sprintf("Kafka can't be asked: %s", plainText(e.cause))
}
func (e *inspectError) Unwrap() error { return e.cause }
