package shop

import "fmt"

// metric is what the gateway counts.
func (s *site) metric(name string) (n float64) {
	s.t.Helper()
	s.awaitMetric(name, func(is float64) bool { n = is; return true })
	return n
}

// awaitMetric waits until what the gateway counts is as it should be.
func (s *site) awaitMetric(name string, right func(float64) bool) {
	s.t.Helper()
	await(s.t, func() string {
		n, err := s.gateway.Metric(s.t.Context(), name)
		if err != nil {
			return err.Error()
		}
		if !right(n) {
			return fmt.Sprintf("the gateway's %s is %v", name, n)
		}
		return ""
	})
}
