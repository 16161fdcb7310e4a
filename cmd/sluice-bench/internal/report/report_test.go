package report

import (
	"bytes"
	"strings"
	"testing"
)

func TestRatiosAreTakenRunByRun(t *testing.T) {
	r := New("fanout", []string{"--runs", "3"})
	for _, v := range []float64{10, 40, 20} { // a machine that is busier in the second run
		r.Add("floor", "CPU per delivery", "µs", v)
		r.Add("sluice", "CPU per delivery", "µs", v*1.5)
	}
	r.Against("floor", "CPU per delivery")
	r.Finish([]string{"sluice", "floor"})
	got := r.Results[0]
	if got.Server != "sluice" || got.Ratio != 1.5 || got.Median != 30 || got.Min != 15 || got.Max != 60 {
		t.Errorf("%+v", got)
	}
	var out bytes.Buffer
	if err := r.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sluice-bench fanout --runs 3", "1.50 × floor", "30 µs", "15 – 60"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestAMediansIntervalIsWhatCoinsAllow(t *testing.T) {
	for _, tt := range []struct{ n, low, high int }{ // from tables of the sign test
		{IntervalMin, 1, 6}, {9, 2, 8}, {20, 6, 15}, {40, 14, 27}, {100, 40, 61},
	} {
		var v []float64
		for i := tt.n; i > 0; i-- {
			v = append(v, float64(i))
		}
		if low, high := MedianInterval(v); low != float64(tt.low) || high != float64(tt.high) {
			t.Errorf("of %d: %v to %v, want %d to %d", tt.n, low, high, tt.low, tt.high)
		}
	}
}

func TestNumbersAreReadable(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.4567: "0.46", 12.345: "12.3", 200: "200", 345.6: "346", 1234567.8: "1,234,568", -1581: "-1,581", 999: "999"} {
		if got := Number(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}
