package leaktest

import (
	"strings"
	"testing"
	"time"
)

func stays(end chan struct{}) { <-end }

func TestAGoroutineThatStaysIsFound(t *testing.T) {
	const mark = "leaktest.stays"
	end := make(chan struct{})
	go stays(end)
	if left := leaked([]string{mark}, time.Millisecond); !strings.Contains(left, mark) {
		t.Errorf("left: %q", left)
	}
	close(end)
	if left := leaked([]string{mark}, time.Minute); left != "" {
		t.Errorf("left after its end: %s", left)
	}
}
