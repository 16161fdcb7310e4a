package leaktest

import (
	"strings"
	"testing"
	"time"
)

func stays(begun, end chan struct{}) { close(begun); <-end }

func TestAGoroutineThatStaysIsFound(t *testing.T) {
	const mark = "leaktest.stays"
	begun, end := make(chan struct{}), make(chan struct{})
	go stays(begun, end)
	<-begun
	if left := leaked([]string{mark}, time.Millisecond); !strings.Contains(left, mark) {
		t.Errorf("left: %q", left)
	}
	close(end)
	if left := leaked([]string{mark}, time.Minute); left != "" {
		t.Errorf("left after its end: %s", left)
	}
}
