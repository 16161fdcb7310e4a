package top

import "time"

// snapshot is what is used of GET /live.
type snapshot struct {
	Time    time.Time `json:"time"`
	Gateway struct {
		Version        string            `json:"version"`
		Started        time.Time         `json:"started"`
		Uptime         float64           `json:"uptime_seconds"`
		Ready          bool              `json:"ready"`
		Draining       bool              `json:"draining"`
		CPU            float64           `json:"cpu_seconds"`
		RSS            uint64            `json:"rss_bytes"`
		Heap           uint64            `json:"heap_bytes"`
		Descriptors    uint64            `json:"descriptors"`
		MaxDescriptors uint64            `json:"max_descriptors"`
		Cores          int               `json:"cores"`
		Connections    uint64            `json:"connections"`
		Carriers       map[string]uint64 `json:"carriers"`
		Polls          uint64            `json:"polls"`
		HolderWakes    uint64            `json:"holder_wakes"`
	} `json:"gateway"`
	Kafka struct {
		Answers    bool       `json:"answers"`
		StaleSince *time.Time `json:"stale_since"`
	} `json:"kafka"`
	Written struct {
		Events uint64 `json:"events"`
		Bytes  uint64 `json:"bytes"`
	} `json:"written"`
	Opened  map[string]uint64 `json:"opened"`
	Closed  map[string]uint64 `json:"closed"`
	Resets  map[string]uint64 `json:"resets"`
	Streams []stream          `json:"streams"`
}

type stream struct {
	Name        string            `json:"name"`
	Topic       string            `json:"topic"`
	Ready       bool              `json:"ready"`
	Waiting     string            `json:"waiting"`
	StaleSince  *time.Time        `json:"stale_since"`
	Records     uint64            `json:"records"`
	Events      uint64            `json:"events"`
	Deliveries  uint64            `json:"deliveries"`
	Poison      map[string]uint64 `json:"poison"`
	Lag         *int64            `json:"lag"`
	Subscribers uint64            `json:"subscribers"`
	Log         struct {
		Entries uint64     `json:"entries"`
		Bytes   uint64     `json:"bytes"`
		Newest  *time.Time `json:"newest"`
	} `json:"log"`
}

// rates are what happened in a second, between two snapshots.
type rates struct {
	Over    float64                `json:"over_seconds"`
	CPU     float64                `json:"cores"` // that were busy
	Events  float64                `json:"written_events"`
	Bytes   float64                `json:"written_bytes"`
	Opened  float64                `json:"opened"`
	Closed  float64                `json:"closed"`
	Wakes   float64                `json:"holder_wakes"`
	Streams map[string]streamRates `json:"streams"`
}

type streamRates struct {
	Records    float64 `json:"records"`
	Events     float64 `json:"events"`
	Deliveries float64 `json:"deliveries"`
}

// between returns the rates from one snapshot to a later one; nil where there are none:
// the gateway was started anew.
func between(a, b *snapshot) *rates {
	if a == nil || !a.Gateway.Started.Equal(b.Gateway.Started) || !b.Time.After(a.Time) {
		return nil
	}
	over := b.Time.Sub(a.Time).Seconds()
	per := func(from, to uint64) float64 { return float64(to-min(from, to)) / over }
	r := &rates{
		Over: over, CPU: max(0, b.Gateway.CPU-a.Gateway.CPU) / over,
		Events: per(a.Written.Events, b.Written.Events), Bytes: per(a.Written.Bytes, b.Written.Bytes),
		Opened: per(sum(a.Opened), sum(b.Opened)), Closed: per(sum(a.Closed), sum(b.Closed)), Wakes: per(a.Gateway.HolderWakes, b.Gateway.HolderWakes),
		Streams: make(map[string]streamRates),
	}
	for _, now := range b.Streams {
		for _, then := range a.Streams {
			if then.Name == now.Name {
				r.Streams[now.Name] = streamRates{per(then.Records, now.Records), per(then.Events, now.Events), per(then.Deliveries, now.Deliveries)}
			}
		}
	}
	return r
}

// poisoned is how many records were refused, those not counted that the stream's rules
// leave out.
func poisoned(m map[string]uint64) uint64 { return sum(m) - m["filtered"] - m["no_change"] }

func sum(m map[string]uint64) (n uint64) {
	for _, v := range m {
		n += v
	}
	return n
}
