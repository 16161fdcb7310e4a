// Package measure reads what the kernel knows of processes and sockets, the trace of
// Go's garbage collector, and counts times in histograms.
package measure
