package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// gcTrace makes a Go server write a line for each collection; see package runtime.
const gcTrace = "GODEBUG=gctrace=1"

// forcedCollections is how many are measured, after everything else of a run.
const forcedCollections = 5

// addCollections makes sluice collect and reports the CPU of a cycle: the sum of
// what gctrace calls cpu, idle workers included.
func (s *session) addCollections(ctx context.Context, t *target) error {
	done, err := os.ReadFile(t.log)
	if err != nil {
		return err
	}
	for range forcedCollections {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.admin+"/debug/pprof/heap?gc=1", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("asking for a collection: %w", err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("asking for a collection: %s", res.Status)
		}
	}
	log, err := os.ReadFile(t.log)
	if err != nil {
		return err
	}
	cycles := parseCollections(string(log[len(done):]))
	if len(cycles) == 0 {
		s.report.note("%s wrote no gctrace lines: the CPU of its collections is not known.", t.name)
		return nil
	}
	s.report.add(t.name, "GC CPU per cycle", "ms", median(cycles))
	return nil
}

// gc 3 @0.5s 1%: 0.01+1.2+0.003 ms clock, 0.02+0.3/1.1/0+0.006 ms cpu, …
var gcLine = regexp.MustCompile(`(?m)^gc \d+ @.* ms clock, ([0-9.+/]+) ms cpu,`)

// parseCollections returns the milliseconds of CPU of each cycle in a gctrace.
func parseCollections(log string) []float64 {
	var cycles []float64
	for _, m := range gcLine.FindAllStringSubmatch(log, -1) {
		var sum float64
		for part := range strings.FieldsFuncSeq(m[1], func(r rune) bool { return r == '+' || r == '/' }) {
			v, err := strconv.ParseFloat(part, 64)
			if err != nil {
				return nil
			}
			sum += v
		}
		cycles = append(cycles, sum)
	}
	return cycles
}
