package server

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryIsGivenBackOnceAfterARush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		freed := 0
		tidy := &memoryReleaser{free: func() { freed++ }}
		defer tidy.close()
		rush := func(streams int) {
			for range streams {
				tidy.open()
			}
			<-time.After(tidyPause) // of the bubble's clock
			synctest.Wait()
		}
		rush(tidyRush - 1)
		if freed != 0 {
			t.Errorf("a quiet start was tidied up after %d times", freed)
		}
		rush(tidyRush)
		rush(tidyRush)
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
