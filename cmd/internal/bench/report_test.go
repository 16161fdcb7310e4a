//go:build linux

package bench

import (
	"bytes"
	"strings"
	"testing"
)

func TestRatiosAreTakenRunByRun(t *testing.T) {
	r := newReport("fanout", []string{"--runs", "3"})
	for _, v := range []float64{10, 40, 20} { // a machine that is busier in the second run
		r.add("floor", perDelivery, "µs", v)
		r.add("sluice", perDelivery, "µs", v*1.5)
	}
	r.against("floor", perDelivery)
	r.finish([]peer{{name: "sluice"}, {name: "floor"}})
	got := r.Results[0]
	if got.Server != "sluice" || got.Ratio != 1.5 || got.Median != 30 || got.Min != 15 || got.Max != 60 {
		t.Errorf("%+v", got)
	}
	var out bytes.Buffer
	if err := r.writeTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sluice bench fanout --runs 3", "1.50 × floor", "30 µs", "15 – 60"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestAMediansIntervalIsWhatCoinsAllow(t *testing.T) {
	for _, tt := range []struct{ n, low, high int }{ // from tables of the sign test
		{intervalMin, 1, 6}, {9, 2, 8}, {20, 6, 15}, {40, 14, 27}, {100, 40, 61},
	} {
		var v []float64
		for i := tt.n; i > 0; i-- {
			v = append(v, float64(i))
		}
		if low, high := medianInterval(v); low != float64(tt.low) || high != float64(tt.high) {
			t.Errorf("of %d: %v to %v, want %d to %d", tt.n, low, high, tt.low, tt.high)
		}
	}
}

func TestNumbersAreReadable(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.4567: "0.46", 12.345: "12.3", 200: "200", 345.6: "346", 1234567.8: "1,234,568", -1581: "-1,581", 999: "999"} {
		if got := number(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

func TestCollectionsAreReadFromATrace(t *testing.T) {
	const log = `{"level":"info","message":"gc 1 @ looks like one"}
gc 1 @0.021s 2%: 0.035+0.51+0.003 ms clock, 0.071+0.25/0.40/0.25+0.006 ms cpu, 4->4->1 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 2 P
gc 2 @1.021s 2%: 0.035+0.51+0.003 ms clock, 1+2/3/4+5 ms cpu, 4->4->1 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)
`
	got := parseCollections(log)
	if len(got) != 2 || got[1] != 15 || got[0] < 0.976 || got[0] > 0.978 {
		t.Errorf("%v", got)
	}
}
