package operators

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/server/status"
	"sluice/stream"
)

// Live is the body of GET /live: the gateway at one moment. What is counted only ever
// rises, so that rates are the difference of two of them. Every number is one of
// /metrics, read from where /metrics reads it.
type Live struct {
	Time          time.Time         `json:"time"`
	Gateway       liveGateway       `json:"gateway"`
	Kafka         liveKafka         `json:"kafka"`
	Written       liveWritten       `json:"written"`
	Opened        map[string]uint64 `json:"opened"`              // by outcome
	Closed        map[string]uint64 `json:"closed"`              // by reason
	Resets        map[string]uint64 `json:"resets"`              // by reason
	Unavailable   map[string]uint64 `json:"unavailable"`         // by reason
	Refused       map[string]uint64 `json:"refused"`             // by reason
	SocketsTurned map[string]uint64 `json:"sockets_turned_away"` // by limit
	Decisions     *remembering      `json:"decisions,omitempty"` // absent: none are remembered
	Streams       []liveStream      `json:"streams"`
	Deliveries    []status.Delivery `json:"deliveries,omitempty"` // those that this gateway runs
}

type liveGateway struct {
	Version        string            `json:"version"`
	Started        time.Time         `json:"started"`
	Uptime         float64           `json:"uptime_seconds"`
	Ready          bool              `json:"ready"`
	Draining       bool              `json:"draining"`
	CPU            float64           `json:"cpu_seconds"`
	RSS            uint64            `json:"rss_bytes"`
	Heap           uint64            `json:"heap_bytes"`
	Goroutines     uint64            `json:"goroutines"`
	Descriptors    uint64            `json:"descriptors"`
	MaxDescriptors uint64            `json:"max_descriptors"`
	Cores          int               `json:"cores"`
	Connections    uint64            `json:"connections"`
	Carriers       map[string]uint64 `json:"carriers"` // of Connections
	Polls          uint64            `json:"polls"`
	HolderWakes    uint64            `json:"holder_wakes"`
}

type liveKafka struct {
	Answers    bool       `json:"answers"`
	StaleSince *time.Time `json:"stale_since,omitempty"` // of the stream that has waited longest
}

type liveWritten struct {
	Events uint64 `json:"events"`
	Bytes  uint64 `json:"bytes"`
}

type liveStream struct {
	Name          string            `json:"name"`
	Topic         string            `json:"topic"`
	Audience      string            `json:"audience"`
	Access        []string          `json:"access,omitempty"`
	Ready         bool              `json:"ready"`
	Warm          bool              `json:"warm"`
	Fetching      bool              `json:"fetching"`
	Waiting       string            `json:"waiting,omitempty"`
	StaleSince    *time.Time        `json:"stale_since,omitempty"`
	KafkaAnswered *time.Time        `json:"kafka_answered,omitempty"`
	NewestEvent   *time.Time        `json:"newest_event,omitempty"`
	Records       uint64            `json:"records"`
	Events        uint64            `json:"events"`
	Deliveries    uint64            `json:"deliveries"`
	Poison        map[string]uint64 `json:"poison"`
	Lag           *int64            `json:"lag"`              // null while unknown
	LSOLag        *int64            `json:"lso_lag"`          // what open transactions hold back; null while unknown
	Jumps         map[string]uint64 `json:"jumps"`            // of the reader, by reason
	Topics        []status.Topic    `json:"topics,omitempty"` // of a stream of several
	Partitions    []livePartition   `json:"partitions"`
	Subscribers   int               `json:"subscribers"`
	Resets        map[string]uint64 `json:"resets"`
	Log           liveLog           `json:"log"`
	State         liveState         `json:"state"`

	PoisonLast map[string]status.RefusedRecord `json:"poison_last"`    // the newest record of each of Poison
	Held       []status.HeldPartition          `json:"held,omitempty"` // of Partitions, those that wait at a record
}

type livePartition struct {
	Topic     string `json:"topic,omitempty"` // of a stream of several
	Partition int    `json:"partition"`
	Next      int64  `json:"next"`
	End       *int64 `json:"end"` // never below Next; null while unknown, and Lag with it
	Lag       *int64 `json:"lag"` // End - Next
}

type liveLog struct {
	Entries int        `json:"entries"`
	Bytes   int64      `json:"bytes"`
	Oldest  *time.Time `json:"oldest,omitempty"`
	Newest  *time.Time `json:"newest,omitempty"`
}

type liveState struct {
	Subjects int   `json:"subjects"`
	Bytes    int64 `json:"bytes"`
}

// Live answers GET /live.
func (o *Operators) Live(w http.ResponseWriter, r *http.Request) {
	var only []string
	for _, list := range r.URL.Query()["stream"] {
		only = append(only, strings.Split(list, ",")...)
	}
	for _, name := range only {
		if _, known := o.Streams.Hub.Lookup(name); !known {
			unknownStream().Write(w)
			return
		}
	}
	body, err := o.snapshotLive(only)
	if err != nil {
		o.Logger.ErrorContext(r.Context(), "the metrics can't be gathered", "error", err)
		response.Internal().Write(w)
		return
	}
	response.JSON(w, http.StatusOK, body)
}

func unknownStream() *response.Problem {
	return response.NewProblem(http.StatusNotFound, "stream", "There is no such stream", "The stream parameter names one that this gateway doesn't have.")
}

// snapshotLive says how the gateway is, and each of the streams named; none: all.
func (o *Operators) snapshotLive(only []string) (*Live, error) {
	g, err := o.Metrics.Values()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	facts := o.Streams.Facts()
	statuses := make([]status.Stream, len(facts))
	for i := range facts {
		statuses[i] = facts[i].Stream
	}
	readiness := o.Readiness(statuses, now)
	l := &Live{
		Time: *response.UTC(now),
		Gateway: liveGateway{
			Version: o.Version, Started: *response.UTC(o.Began), Uptime: now.Sub(o.Began).Seconds(),
			Ready: readiness.Ready, Draining: readiness.Draining, Cores: runtime.GOMAXPROCS(0),
			CPU: g.One("process_cpu_seconds_total"), RSS: g.Count("process_resident_memory_bytes"), Heap: g.Count("go_memstats_heap_alloc_bytes"),
			Goroutines: g.Count("go_goroutines"), Descriptors: g.Count("process_open_fds"), MaxDescriptors: g.Count("process_max_fds"),
			Connections: g.Count("sluice_connections"), Carriers: g.By("sluice_connections_by_carrier", "carrier"), Polls: g.Count("sluice_polls"),
			HolderWakes: g.Count("sluice_holder_wakes_total"),
		},
		Kafka:         liveKafka{Answers: true},
		Written:       liveWritten{g.Count("sluice_events_written_total"), g.Count("sluice_written_bytes_total")},
		Opened:        g.By("sluice_streams_opened_total", "outcome"),
		Closed:        g.By("sluice_streams_closed_total", "reason"),
		Resets:        g.By("sluice_resets_total", "reason"),
		Unavailable:   g.By("sluice_unavailable_total", "reason"),
		Refused:       g.By("sluice_auth_failures_total", "reason"),
		SocketsTurned: g.By("sluice_sockets_turned_away_total", "limit"),
		Streams:       []liveStream{},
	}
	if r := o.Streams.Hub.Decisions().Remembered(); r.Capacity > 0 {
		l.Decisions = &remembering{r.Capacity, r.Records, *response.UTC(r.Since)}
	}
	if o.Deliveries != nil {
		l.Deliveries = o.Deliveries.Deliveries()
	}
	for i := range facts {
		f := &facts[i]
		if since := f.StaleSince; !since.IsZero() && (l.Kafka.Answers || since.Before(*l.Kafka.StaleSince)) {
			l.Kafka = liveKafka{StaleSince: response.UTC(since)}
		}
		if len(only) == 0 || slices.Contains(only, f.Name) {
			one := o.liveStream(f, readiness.Streams[i].Ready)
			one.Resets = g.Where("sluice_resets_total", "stream", f.Name).By("sluice_resets_total", "reason")
			l.Streams = append(l.Streams, one)
		}
	}
	return l, nil
}

func (o *Operators) liveStream(f *status.Facts, isReady bool) liveStream {
	one := liveStream{
		Name: f.Name, Topic: f.Topic, Audience: audienceName(f.Audience), Access: o.Access[f.Name],
		Ready: isReady, Warm: f.Warm, Fetching: f.Fetching, Waiting: f.Waiting,
		StaleSince: response.UTCOrNil(f.StaleSince), KafkaAnswered: response.UTCOrNil(f.Answered), NewestEvent: response.UTCOrNil(f.Stamp),
		Records: f.Records, Events: f.Events, Deliveries: f.Deliveries, Poison: f.Refused, PoisonLast: f.LastRefused, Jumps: f.Jumps,
		Topics: f.Topics, Partitions: []livePartition{}, Held: f.Held, Subscribers: f.Subscribers,
		Log:   liveLog{Entries: f.Entries, Bytes: f.Bytes, Oldest: response.UTCOrNil(f.Oldest), Newest: response.UTCOrNil(f.Newest)},
		State: liveState{Subjects: f.Subjects, Bytes: f.StateBytes},
	}
	if one.Poison == nil {
		one.Poison = map[string]uint64{}
	}
	if one.PoisonLast == nil {
		one.PoisonLast = map[string]status.RefusedRecord{}
	}
	if one.Jumps == nil {
		one.Jumps = map[string]uint64{}
	}
	if f.Behind >= 0 {
		one.Lag = &f.Behind
	}
	if f.LSOLag >= 0 {
		one.LSOLag = &f.LSOLag
	}
	for _, p := range f.Partitions {
		lp := livePartition{Topic: p.Topic, Partition: int(p.Number), Next: p.Next}
		if p.End >= 0 {
			end := max(p.End, p.Next) // records have come since Kafka was last asked for the end
			lp.End, lp.Lag = &end, new(end-p.Next)
		}
		one.Partitions = append(one.Partitions, lp)
	}
	return one
}

func audienceName(a stream.Audience) string {
	if a == stream.AudienceEveryone {
		return "everyone"
	}
	return "user"
}

var liveRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "live", Tags: []string{describe.TagOperation}, Summary: "The gateway's numbers at one moment",
	Description: "The numbers are those of `/metrics`. Counters only rise until a restart. A rate is the difference of two answers.",
	Parameters:  []openapi.Parameter{describe.StreamParameter},
	Responses: describe.Responses{}.JSON(http.StatusOK, "The numbers.", openapi.Ref("Live"), nil).
		Problem(http.StatusNotFound, "The stream doesn't exist.", "stream").NotOperator(),
}}
