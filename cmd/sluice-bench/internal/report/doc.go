// Package report collects what was measured, a value a run, and prints medians, spreads
// and ratios.
package report
