package server

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// everythingOnGoroutines is the carrier that the tests' servers are to use.
var everythingOnGoroutines bool

// TestMain runs all tests twice, on held connections and on goroutines: a client must not be able to tell
// them apart. It fails the run when a goroutine of this module's outlives its test.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		fmt.Println("again, with every stream on a goroutine")
		everythingOnGoroutines = true
		code = m.Run()
	}
	if left := leaked(5 * time.Second); left != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leaked waits for goroutines that run code of ours, or of net/http's server, to
// end, and returns the stacks of those that don't. Those of net/http's idle
// client connections may stay: they are the transport's.
func leaked(patience time.Duration) string {
	deadline := time.Now().Add(patience)
	for {
		buf := make([]byte, 1<<20)
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		var left []string
		for _, s := range stacks[1:] { // the first is this one
			if strings.Contains(s, "sluice/") || strings.Contains(s, "net/http.(*conn).serve") {
				left = append(left, s)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		runtime.Gosched()
	}
}
