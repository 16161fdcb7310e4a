// Package peers has the servers that are measured: sluice, its competitors, and the
// floors, which show what this machine costs at the very least. Each file has one, with
// what starts it. If it is a Go library, the file has its server as well. [All] is their
// table.
//
// peers.go has the table, and target.go what a run needs of a server. sluice.go is the
// gateway, which sluice_program.go finds or builds. floor.go has the floors. The others
// are kafkasse.go, nchan.go, nethttp.go, pushpin.go, r3labs.go, tmaxmax.go, and in
// external.go any that is running. library_server.go and published.go start those in Go,
// and certificate.go makes certificates.
package peers
