package server

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryIsGivenBackOnceAfterARush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		freed := 0
		memory := &memoryReleaser{free: func() { freed++ }}
		defer memory.close()
		rush := func(streams int) {
			for range streams {
				memory.open()
			}
			<-time.After(releasePause) // of the bubble's clock
			synctest.Wait()
		}
		rush(releaseRush - 1)
		if freed != 0 {
			t.Errorf("a quiet start was tidied up after %d times", freed)
		}
		rush(releaseRush)
		rush(releaseRush)
		if freed != 0 {
			t.Errorf("tidied up %d times in the middle of a rush", freed)
		}
		rush(1)
		rush(1)
		if freed != 1 {
			t.Errorf("tidied up %d times after a rush, want once", freed)
		}
	})
}
