//go:build linux

package modes

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"sluice/cmd/sluice-bench/internal/measure"
	"sluice/cmd/sluice-bench/internal/peers"
	"sluice/cmd/sluice-bench/internal/report"
)

// forcedCollections is how many are measured, after everything else of a run.
const forcedCollections = 5

// addCollections makes sluice collect and reports the CPU of a cycle: the sum of
// what gctrace calls cpu, idle workers included.
func (s *session) addCollections(ctx context.Context, t *peers.Target) error {
	done, err := os.ReadFile(t.Log)
	if err != nil {
		return err
	}
	for range forcedCollections {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.Admin+"/debug/pprof/heap?gc=1", nil)
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
	log, err := os.ReadFile(t.Log)
	if err != nil {
		return err
	}
	cycles := measure.ParseCollections(string(log[len(done):]))
	if len(cycles) == 0 {
		s.report.Note("%s wrote no gctrace lines: the CPU of its collections is not known.", t.Name)
		return nil
	}
	s.report.Add(t.Name, "GC CPU per cycle", "ms", report.Median(cycles))
	return nil
}
