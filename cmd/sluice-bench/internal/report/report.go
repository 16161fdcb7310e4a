package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report collects what was measured: for each server and metric a value a run.
type Report struct {
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

// New begins the report of a mode, run with the given flags.
func New(mode string, args []string) *Report {
	return &Report{
		Mode: mode, When: time.Now().Round(time.Second), Machine: machine(),
		Command: strings.Join(append([]string{"sluice-bench", mode}, args...), " "),
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

// Add records a run's value.
func (r *Report) Add(server, metric, unit string, value float64) {
	res := r.Find(server, metric)
	if res == nil {
		res = &result{Server: server, Metric: metric, Unit: unit}
		r.Results = append(r.Results, res)
	}
	res.Runs = append(res.Runs, value)
}

// Find is what has been measured of a server; nil if nothing has.
func (r *Report) Find(server, metric string) *result {
	for _, res := range r.Results {
		if res.Server == server && res.Metric == metric {
			return res
		}
	}
	return nil
}

// Against compares every server's metric with the baseline's, run by run.
func (r *Report) Against(baseline, metric string) {
	for _, res := range r.Results {
		if res.Metric == metric {
			r.Compare(res.Server, baseline, metric)
		}
	}
}

// Compare is Against for one server.
func (r *Report) Compare(server, baseline, metric string) {
	res, base := r.Find(server, metric), r.Find(baseline, metric)
	if res != nil && base != nil && res != base {
		var ratios []float64
		for i := range min(len(res.Runs), len(base.Runs)) {
			if base.Runs[i] > 0 {
				ratios = append(ratios, res.Runs[i]/base.Runs[i])
			}
		}
		if len(ratios) > 0 {
			res.Baseline, res.Ratio = baseline, Median(ratios)
		}
	}
}

// Note adds a sentence below the table, once.
func (r *Report) Note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if !slices.Contains(r.Notes, s) {
		r.Notes = append(r.Notes, s)
	}
}

// Finish completes the results and puts them in the servers' order; what belongs
// to none of them alone comes last.
func (r *Report) Finish(servers []string) {
	order := func(res *result) int {
		i := slices.Index(servers, res.Server)
		if i < 0 {
			return len(servers)
		}
		return i
	}
	slices.SortStableFunc(r.Results, func(a, b *result) int { return order(a) - order(b) })
	for _, res := range r.Results {
		res.Median, res.Min, res.Max = Median(res.Runs), slices.Min(res.Runs), slices.Max(res.Runs)
	}
}

// WriteJSON writes all of it, with every run's values.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable prints metric by metric, the servers below each other.
func (r *Report) WriteTable(w io.Writer) error {
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
				Number(res.Median), res.Unit, Number(res.Min), Number(res.Max), len(res.Runs), ratio)
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

func (r *Report) metrics() []string {
	var names []string
	for _, res := range r.Results {
		if !slices.Contains(names, res.Metric) {
			names = append(names, res.Metric)
		}
	}
	return names
}
