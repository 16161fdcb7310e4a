package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report collects what was measured: for each server and metric a value a run.
type report struct {
	Mode    string    `json:"mode"`
	When    time.Time `json:"when"`
	Machine string    `json:"machine"`
	Command string    `json:"command"` // that makes it again
	Results []*result `json:"results"`
	Notes   []string  `json:"notes,omitempty"`
}

type result struct {
	Server   string    `json:"server"`
	Metric   string    `json:"metric"`
	Unit     string    `json:"unit"`
	Runs     []float64 `json:"runs"`
	Median   float64   `json:"median"`
	Min      float64   `json:"min"`
	Max      float64   `json:"max"`
	Baseline string    `json:"baseline,omitempty"` // the server that Ratio compares with
	Ratio    float64   `json:"ratio,omitempty"`    // median of the runs' ratios
}

func newReport(mode string, args []string) *report {
	return &report{
		Mode: mode, When: time.Now().Round(time.Second), Machine: machine(),
		Command: strings.Join(append([]string{"sluice", "bench", mode}, args...), " "),
	}
}

// machine names the cores, the processor and the kernel.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d cores, %s, Linux %s, %s", runtime.NumCPU(), model, bytes.TrimSpace(kernel), runtime.Version())
}

// add records a run's value.
func (r *report) add(server, metric, unit string, value float64) {
	res := r.find(server, metric)
	if res == nil {
		res = &result{Server: server, Metric: metric, Unit: unit}
		r.Results = append(r.Results, res)
	}
	res.Runs = append(res.Runs, value)
}

func (r *report) find(server, metric string) *result {
	for _, res := range r.Results {
		if res.Server == server && res.Metric == metric {
			return res
		}
	}
	return nil
}

// against compares every server's metric with the baseline's, run by run.
func (r *report) against(baseline, metric string) {
	base := r.find(baseline, metric)
	if base == nil {
		return
	}
	for _, res := range r.Results {
		if res.Metric != metric || res == base {
			continue
		}
		var ratios []float64
		for i := range min(len(res.Runs), len(base.Runs)) {
			if base.Runs[i] > 0 {
				ratios = append(ratios, res.Runs[i]/base.Runs[i])
			}
		}
		if len(ratios) > 0 {
			res.Baseline, res.Ratio = baseline, median(ratios)
		}
	}
}

// note adds a sentence below the table, once.
func (r *report) note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if !slices.Contains(r.Notes, s) {
		r.Notes = append(r.Notes, s)
	}
}

// finish completes the results and puts them in the servers' order; what belongs
// to none of them alone comes last.
func (r *report) finish(servers []peer) {
	place := func(res *result) int {
		i := slices.IndexFunc(servers, func(p peer) bool { return p.name == res.Server })
		if i < 0 {
			return len(servers)
		}
		return i
	}
	slices.SortStableFunc(r.Results, func(a, b *result) int { return place(a) - place(b) })
	for _, res := range r.Results {
		res.Median, res.Min, res.Max = median(res.Runs), slices.Min(res.Runs), slices.Max(res.Runs)
	}
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// intervalMin is how many values it takes to be 95 % sure of anything.
const intervalMin = 6

// medianInterval is between which of the values, at least intervalMin, the median
// of all there could be lies, with a confidence of 95 %: how many are below it is
// the number of heads among as many coins.
func medianInterval(v []float64) (low, high float64) {
	s := slices.Sorted(slices.Values(v))
	below := math.Pow(0.5, float64(len(s))) // chance of at most k heads
	term, k := below, 0
	for k+1 < (len(s)+1)/2 {
		term *= float64(len(s)-k) / float64(k+1)
		if below+term > 0.025 {
			break
		}
		below += term
		k++
	}
	return s[k], s[len(s)-1-k]
}

func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// writeTable prints metric by metric, the servers below each other.
func (r *report) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s\n%s\n\n", r.When.Format("2006-01-02 15:04"), r.Machine, r.Command)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "metric\tserver\tmedian\tmin – max\truns\tratio")
	for _, metric := range r.metrics() {
		for _, res := range r.Results {
			if res.Metric != metric {
				continue
			}
			ratio := ""
			if res.Baseline != "" {
				ratio = fmt.Sprintf("%.2f × %s", res.Ratio, res.Baseline)
			}
			fmt.Fprintf(t, "%s\t%s\t%s %s\t%s – %s\t%d\t%s\n", metric, res.Server,
				number(res.Median), res.Unit, number(res.Min), number(res.Max), len(res.Runs), ratio)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "\n%s\n", n)
	}
	return nil
}

func (r *report) metrics() []string {
	var names []string
	for _, res := range r.Results {
		if !slices.Contains(names, res.Metric) {
			names = append(names, res.Metric)
		}
	}
	return names
}

// number prints three significant digits, and large numbers with separators.
func number(v float64) string {
	switch a := max(v, -v); {
	case v == math.Trunc(v) && a < 1000:
		return fmt.Sprintf("%.0f", v)
	case a >= 1000:
		s := fmt.Sprintf("%.0f", v)
		for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
