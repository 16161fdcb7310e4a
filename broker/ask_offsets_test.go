package broker

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

func TestAllOffsetsIsAllOrAnError(t *testing.T) {
	listed := func(errs ...error) kadm.ListedOffsets {
		of := make(map[int32]kadm.ListedOffset)
		for p, err := range errs {
			of[int32(p)] = kadm.ListedOffset{Offset: int64(p) + 7, Err: err}
		}
		return kadm.ListedOffsets{"orders": of}
	}
	broken := &kadm.ShardErrors{Errs: []kadm.ShardError{{Err: kerr.NotLeaderForPartition}}}
	for name, tt := range map[string]struct {
		listed kadm.ListedOffsets
		failed error
		want   error
	}{
		"all there":               {listed(nil, nil), nil, nil},
		"one has an error":        {listed(nil, kerr.LeaderNotAvailable), nil, kerr.LeaderNotAvailable},
		"one that isn't known":    {listed(nil, kerr.UnknownTopicOrPartition), nil, kerr.NotLeaderForPartition},
		"one that isn't said":     {listed(nil), nil, errNotAnswered},
		"one broker said nothing": {listed(nil), broken, kerr.NotLeaderForPartition},
		"nobody may ask":          {nil, &kadm.AuthError{Err: kerr.TopicAuthorizationFailed}, kerr.TopicAuthorizationFailed},
	} {
		offsets, err := allOffsets(tt.listed, tt.failed, "orders", 2)
		if !errors.Is(err, tt.want) || tt.want == nil && !slices.Equal(offsets, []int64{7, 8}) {
			t.Errorf("%s: %v, %v; want %v", name, offsets, err, tt.want)
		}
	}
}
