// Package peers has the servers that are measured: sluice, its competitors, and the
// floors, which show what this machine costs at the very least. Each file has one, with
// what starts it. If it is a Go library, the file has its server as well. [All] is their
// table.
package peers
