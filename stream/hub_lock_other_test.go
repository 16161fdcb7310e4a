//go:build !linux

package stream

import "time"

var started = time.Now()

// threadTime is the time by the clock, where there is no other.
func threadTime() time.Duration { return time.Since(started) }
