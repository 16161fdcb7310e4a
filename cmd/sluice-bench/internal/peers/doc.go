// Package peers has the servers that are measured: sluice, what stands beside it, and the
// floors, which show what this machine costs at the very least. Each file has one, with
// what starts it; where it is a Go library, its server as well. [All] is their table.
package peers
