package operators

import (
	"context"
	"net/http"
	"sync"
	"time"

	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
)

const (
	historyStep   = 3 * time.Second
	historyLength = 300 // samples: a quarter of an hour
)

// history keeps what the graphs of the console show. On the day something doesn't arrive
// nobody had the console open before, and yet its graphs must be full.
type history struct {
	mu      sync.Mutex // guards samples
	samples []Sample   // a ring of at most historyLength
	oldest  int        // of the ring
}

// Sample is a part of [Live], as it was at a moment.
type Sample struct {
	Time    time.Time      `json:"time"`
	Gateway sampleGateway  `json:"gateway"`
	Written liveWritten    `json:"written"`
	Streams []sampleStream `json:"streams"`

	Deliveries []sampleDelivery `json:"deliveries,omitempty"`
}

type sampleGateway struct {
	Started     time.Time `json:"started"`
	Connections uint64    `json:"connections"`
	CPU         *float64  `json:"cpu_seconds,omitempty"`
	RSS         *uint64   `json:"rss_bytes,omitempty"`
}

type sampleStream struct {
	Name          string     `json:"name"`
	Records       uint64     `json:"records"`
	Events        uint64     `json:"events"`
	Deliveries    uint64     `json:"deliveries"`
	Lag           *int64     `json:"lag"`
	KafkaAnswered *time.Time `json:"kafka_answered,omitempty"`
}

type sampleDelivery struct {
	Name          string            `json:"name"`
	Delivered     uint64            `json:"delivered"`
	Failed        map[string]uint64 `json:"failed_attempts"` // by cause
	Lag           *int64            `json:"lag"`
	OldestWaiting *time.Time        `json:"oldest_waiting,omitempty"`
}

// LiveHistory is the body of GET /live/history.
type LiveHistory struct {
	StepSeconds float64  `json:"step_seconds"` // between two samples
	Samples     []Sample `json:"samples"`      // oldest first, 300 at most
}

func (h *history) add(s Sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.samples) < historyLength {
		h.samples = append(h.samples, s)
		return
	}
	h.samples[h.oldest] = s
	h.oldest = (h.oldest + 1) % historyLength
}

// all returns the samples, oldest first.
func (h *history) all() []Sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Sample, 0, len(h.samples))
	return append(append(list, h.samples[h.oldest:]...), h.samples[:h.oldest]...)
}

// Watch fills the history until ctx ends.
func (o *Operators) Watch(ctx context.Context) {
	next := time.NewTicker(historyStep)
	defer next.Stop()
	for {
		o.history.add(o.sample(time.Now()))
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
	}
}

func (o *Operators) sample(now time.Time) Sample {
	t := o.Metrics.Totals()
	s := Sample{
		Time:    *response.UTC(now),
		Gateway: sampleGateway{Started: *response.UTC(o.Began), Connections: t.Connections},
		Written: liveWritten{t.Events, t.Bytes},
	}
	if t.Process {
		s.Gateway.CPU, s.Gateway.RSS = &t.CPU, &t.RSS
	}
	facts := o.Streams.Facts()
	s.Streams = make([]sampleStream, len(facts))
	for i := range facts {
		f := &facts[i]
		s.Streams[i] = sampleStream{Name: f.Name, Records: f.Records, Events: f.Events, Deliveries: f.Deliveries, KafkaAnswered: response.UTCOrNil(f.Answered)}
		if f.Behind >= 0 {
			s.Streams[i].Lag = new(f.Behind)
		}
	}
	if o.Deliveries != nil {
		for _, d := range o.Deliveries.Deliveries() {
			s.Deliveries = append(s.Deliveries, sampleDelivery{d.Name, d.Delivered, d.Failed, d.Lag, d.OldestWaiting})
		}
	}
	return s
}

// LiveHistory answers GET /live/history.
func (o *Operators) LiveHistory(w http.ResponseWriter, _ *http.Request) {
	response.JSON(w, http.StatusOK, LiveHistory{historyStep.Seconds(), o.history.all()})
}

var liveHistoryRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "liveHistory", Tags: []string{describe.TagOperation}, Summary: "The gateway's numbers of the last 15 minutes",
	Description: "A few of the numbers of `/live`, every 3 seconds. The gateway keeps them in memory.",
	Responses:   describe.Responses{}.JSON(http.StatusOK, "The numbers.", openapi.Ref("LiveHistory"), nil).NotOperator(),
}}
