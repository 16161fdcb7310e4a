// Package measure reads what the kernel knows of processes and sockets, the trace of
// Go's garbage collector, and counts times in histograms.
//
// procfs.go reads processes, sockets.go sockets and gctrace.go the trace. histogram.go
// counts.
package measure
