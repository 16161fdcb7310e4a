package build

import goversion "go/version"

// leastGo is the least Go whose HTTP/2 server has no hole that is known. go.mod asks for
// less, so that sluice can be built, tried and tested with it.
const leastGo = "go1.26.9"

// Holes says what is wrong with the Go that built this, for a gateway that speaks HTTP/2;
// "" nothing that is known.
func Holes() string { return holesOf(read().GoVersion) }

func holesOf(built string) string {
	if !goversion.IsValid(built) || goversion.Compare(built, leastGo) >= 0 { // an unreleased Go says no version
		return ""
	}
	return "built with " + built + ", whose HTTP/2 server has known holes; build with " + leastGo + " or a later Go, go1.27 for instance"
}
