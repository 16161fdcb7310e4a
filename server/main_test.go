package server

import (
	"fmt"
	"testing"

	"sluice/server/leaktest"
)

// everythingOnGoroutines is the carrier that the tests' servers are to use.
var everythingOnGoroutines bool

// TestMain runs all tests twice, on held connections and on goroutines: a client must not
// be able to tell them apart. It fails the run when a goroutine of this module's outlives
// its test.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		fmt.Println("again, with every stream on a goroutine")
		everythingOnGoroutines = true
		code = m.Run()
	}
	leaktest.Exit(code)
}
