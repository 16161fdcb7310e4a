package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sluice/cmd/internal/e2e/gateway"
)

// snapshot is what the console was told by GET /live, as far as it draws it.
type snapshot struct {
	Time    time.Time
	Gateway struct {
		Connections float64
		CPU         float64 `json:"cpu_seconds"`
		RSS         float64 `json:"rss_bytes"`
	}
	Written struct{ Events, Bytes float64 }
	Streams []struct {
		Name                        string
		Records, Events, Deliveries float64
		Lag                         float64
		Answered                    time.Time `json:"kafka_answered"`
		Partitions                  []struct{ Partition, Next, End, Lag float64 }
	}
}

// stood is the console paused: the two snapshots that its rates are of, both taken
// between two scrapes of /metrics.
type stood struct {
	before, after map[string]float64
	then, now     snapshot
}

// watchLive keeps what the page is told from now on. What a snapshot says is drawn in the
// task that it is read in.
const watchLive = `(() => {
	const fetched = window.fetch;
	window.lives = [];
	window.asking = 0;
	window.fetch = async (...what) => {
		if (!String(what[0]).endsWith("/live")) return fetched(...what);
		asking++;
		const response = await fetched(...what), json = response.json;
		response.json = async () => {
			const live = await json.call(response);
			lives.push(live);
			asking--;
			return live;
		};
		return response;
	};
	return true;
})()`

// stand pauses the console at two snapshots that are good for what the test looks for. It
// has them looked at, and lets the console go on.
func (c *console) stand(g *gateway.Gateway, good func(*stood) bool, look func(*stood)) {
	c.t.Helper()
	if !ask[bool](&c.page, `"lives" in window`) {
		ask[bool](&c.page, watchLive)
	}
	for ctx := bounded(c.t); ctx.Err() == nil; {
		s := stood{before: metrics(c.t, g)}
		told := ask[int](&c.page, `lives.length`)
		c.until(fmt.Sprintf(`lives.length >= %d`, told+3)) // the first may have been asked for before the scrape
		c.do(chromedp.Click("#pause"))
		c.until(`asking === 0`)
		s.after = metrics(c.t, g)
		var pair []snapshot
		if err := json.Unmarshal([]byte(ask[string](&c.page, `JSON.stringify(lives.slice(-2))`)), &pair); err != nil {
			c.t.Fatal(err)
		}
		s.then, s.now = pair[0], pair[1]
		enough := good(&s)
		if enough {
			look(&s)
		}
		c.do(chromedp.Click("#pause"))
		if enough {
			return
		}
	}
	c.t.Fatal("no two snapshots were good for it")
}

// compareMoving compares while everything moves. Each level is that of the last snapshot,
// each rate that of the last two. What they count lies between the scrapes of /metrics
// around them.
func (c *console) compareMoving(g *gateway.Gateway) {
	c.t.Helper()
	moved := func(s *stood) bool {
		return s.now.Written.Events > s.then.Written.Events && s.now.Gateway.CPU > s.then.Gateway.CPU
	}
	c.stand(g, moved, func(s *stood) {
		s.counted(c.t)
		places := s.places()
		if wrong := c.wrong(places); wrong != "" {
			c.t.Errorf("while it moves, the console shows\n%s", wrong)
		}
		c.t.Logf("%d moving numbers are those of two snapshots, and these of /metrics around them: %v events written", len(places), s.now.Written.Events-s.then.Written.Events)
	})
}

// compareMemory compares the one level that goes up and down by itself: it lies between
// two scrapes. Where it doesn't, it may have been a peak, and is looked at again.
func (c *console) compareMemory(g *gateway.Gateway) {
	c.t.Helper()
	const metric = "process_resident_memory_bytes"
	between := func(s *stood) bool {
		low, high := min(s.before[metric], s.after[metric]), max(s.before[metric], s.after[metric])
		return low <= s.now.Gateway.RSS && s.now.Gateway.RSS <= high
	}
	c.stand(g, between, func(s *stood) {
		if wrong := c.wrong([]shown{{"#figure-memory", "bytes", s.now.Gateway.RSS}}); wrong != "" {
			c.t.Errorf("the console shows\n%s", wrong)
		}
	})
}

// counted fails the test where /metrics, which was asked before and after, counted
// otherwise.
func (s *stood) counted(t *testing.T) {
	t.Helper()
	order := func(metric string, then, now float64) {
		t.Helper()
		if all := []float64{s.before[metric], then, now, s.after[metric]}; all[0] > then || then > now || now > all[3] {
			t.Errorf("%s: /metrics, two snapshots and /metrics say %v", metric, all)
		}
	}
	order("process_cpu_seconds_total", s.then.Gateway.CPU, s.now.Gateway.CPU)
	order("sluice_connections", s.then.Gateway.Connections, s.now.Gateway.Connections)
	order("sluice_events_written_total", s.then.Written.Events, s.now.Written.Events)
	order("sluice_written_bytes_total", s.then.Written.Bytes, s.now.Written.Bytes)
	for i, now := range s.now.Streams {
		then := s.then.Streams[i]
		of := fmt.Sprintf("{stream=%q}", now.Name)
		order("sluice_records_total"+of, then.Records, now.Records)
		order("sluice_events_total"+of, then.Events, now.Events)
		order("sluice_stream_deliveries_total"+of, then.Deliveries, now.Deliveries)
		lag := 0.0
		for _, p := range now.Partitions {
			lag += p.Lag
			if p.Lag != p.End-p.Next || p.Lag < 0 {
				t.Errorf("%s: partition %+v", now.Name, p)
			}
		}
		if lag != now.Lag {
			t.Errorf("%s lags by %v, its partitions by %v", now.Name, now.Lag, lag)
		}
	}
}

// places are all panels that move, each with what the snapshots say.
func (s *stood) places() []shown {
	seconds := float64(s.now.Time.Sub(s.then.Time).Milliseconds()) / 1000
	rate := func(then, now float64) float64 { return (now - then) / seconds }
	var then, now, lag float64
	var list []shown
	for i, stream := range s.now.Streams {
		was := s.then.Streams[i]
		then, now, lag = then+was.Records, now+stream.Records, lag+stream.Lag
		card := fmt.Sprintf("[data-stream=%s] ", stream.Name)
		list = append(list,
			shown{card + "[data-fact='Records read']", "count", stream.Records},
			shown{card + "[data-fact=Events]", "count", stream.Events},
			shown{card + "[data-fact=Deliveries]", "count", stream.Deliveries},
			shown{card + "[data-figure='events/s']", "rate", rate(was.Events, stream.Events)},
			shown{card + "[data-figure='deliveries/s']", "rate", rate(was.Deliveries, stream.Deliveries)},
			shown{card + "[data-figure=lag]", "count", stream.Lag},
			shown{card + "[data-figure=answered]", "ago", float64(s.now.Time.Sub(stream.Answered).Milliseconds()) / 1000},
		)
		for _, p := range stream.Partitions {
			list = append(list, partition(stream.Name, p.Partition, p.Next, p.End, p.Lag)...)
		}
	}
	return append(list,
		shown{"#figure-connections", "count", s.now.Gateway.Connections},
		shown{"#figure-records", "rate", rate(then, now)},
		shown{"#figure-written", "rate", rate(s.then.Written.Events, s.now.Written.Events)},
		shown{"#figure-bytes", "bytes", rate(s.then.Written.Bytes, s.now.Written.Bytes)},
		shown{"#figure-lag", "count", lag},
		shown{"#figure-cpu", "percent", 100 * rate(s.then.Gateway.CPU, s.now.Gateway.CPU)},
		shown{"#figure-memory", "bytes", s.now.Gateway.RSS},
	)
}

// partition is a row of a stream's table of partitions.
func partition(stream string, number, next, end, lag float64) []shown {
	row := fmt.Sprintf("[data-stream=%s] tr[data-partition='%v'] ", stream, number)
	return []shown{
		{row + "td:nth-child(1)", "count", number},
		{row + "td:nth-child(2)", "count", next},
		{row + "td:nth-child(3)", "count", end},
		{row + "td:nth-child(4)", "count", lag},
	}
}
