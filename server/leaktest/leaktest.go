// Package leaktest finds goroutines that outlive the tests they belong to. It is meant
// for TestMain.
package leaktest

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// patience is how long goroutines have to end after the last test.
const patience = 5 * time.Second

// Exit ends the process with a run's status, and makes that a failure if goroutines of
// ours, of net/http's server, or with one of the marks in their stack stay. Those of
// net/http's idle client connections may: they are the transport's.
func Exit(status int, marks ...string) {
	if left := leaked(append(marks, "sluice/", "net/http.(*conn).serve"), patience); left != "" && status == 0 {
		fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+left)
		status = 1
	}
	os.Exit(status)
}

// leaked waits for goroutines with one of the marks in their stack to end, and returns
// the stacks of those that don't.
func leaked(marks []string, patience time.Duration) string {
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		buf := make([]byte, 1<<20)
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		left := slices.DeleteFunc(stacks[1:], func(s string) bool { // the first is this one
			return !slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(s, mark) })
		})
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
	}
}
