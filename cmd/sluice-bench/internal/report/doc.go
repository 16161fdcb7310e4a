// Package report collects what was measured, a value a run, and prints medians, spreads
// and ratios.
//
// report.go has the table, and number.go what is computed for it.
package report
