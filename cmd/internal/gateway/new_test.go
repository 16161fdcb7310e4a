package gateway

import (
	"testing"

	"github.com/rs/zerolog"

	"sluice/cmd/internal/config"
)

// A gateway that can't be wired is an error and no half of one.
func TestNewFails(t *testing.T) {
	if g, err := New(Options{Config: &config.Config{}, Log: zerolog.Nop()}); err == nil || g != nil {
		t.Errorf("without brokers: %v, %v; want an error only", g, err)
	}
}
