package logins

import (
	"testing"

	"sluice/server/leaktest"
)

// TestMain fails the run when a goroutine of this module's outlives its test.
func TestMain(m *testing.M) { leaktest.Exit(m.Run()) }
