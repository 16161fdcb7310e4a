package gateway

import (
	"sluice/broker"
	"sluice/server/response"
	"sluice/server/status"
)

// statusSource says to the server how far the reader is, what could not be read for
// those who were away, and what is not served.
type statusSource struct {
	*broker.Reader
	history *broker.History
	limiter *idLimiter
}

// Status implements [server.Source].
func (s statusSource) Status() []status.Stream {
	statuses := s.Reader.Status()
	all := make([]status.Stream, len(statuses))
	for i, st := range statuses {
		all[i] = status.Stream{
			Name: st.Stream, Topic: st.Topic, Fetching: st.Fetching, Warm: st.Warm,
			Behind: st.Behind, LSOLag: st.LSOLag, StaleSince: st.StaleSince, Answered: st.AnsweredAt, Waiting: st.Waiting, UnreadableSince: st.UnreadableSince,
			Records: st.Records, Events: st.Events, Refused: make(map[string]uint64), LastRefused: make(map[string]status.RefusedRecord), Partitions: make([]status.Partition, len(st.Next)),
			Jumps:           make(map[string]uint64, len(st.Jumps)),
			CatchupFailures: s.history.Failures(i),
		}
		if why := s.limiter.why(st.Stream); why != "" {
			all[i].Withdrawn, all[i].Waiting = true, why
		}
		for reason, n := range st.Refused {
			all[i].Refused[reason.String()] = n
			if last, ok := st.LastRefused[reason]; ok {
				last.At = *response.UTC(last.At)
				all[i].LastRefused[reason.String()] = status.RefusedRecord(last)
			}
		}
		for reason, n := range st.Jumps {
			all[i].Jumps[string(reason)] = n
		}
		for _, h := range st.Held {
			h.Since = *response.UTC(h.Since)
			all[i].Held = append(all[i].Held, status.HeldPartition(h))
		}
		for _, p := range st.Parts {
			all[i].Partitions = append(all[i].Partitions, status.Partition{Topic: p.Topic, Number: p.Number, Next: p.Next, End: p.End})
		}
		for _, topic := range st.Topics {
			all[i].Topics = append(all[i].Topics, status.Topic(topic))
		}
		for p, next := range st.Next {
			all[i].Partitions[p] = status.Partition{Number: int32(p), Next: next, End: -1}
			if p < len(st.LastStableOffsets) {
				all[i].Partitions[p].End = st.LastStableOffsets[p]
			}
		}
	}
	return all
}
