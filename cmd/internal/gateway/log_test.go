package gateway

import (
	"bytes"
	"strings"
	"testing"

	"sluice/cmd/internal/config"
)

func TestTheLogIsWrittenAsConfigured(t *testing.T) {
	for _, tt := range []struct{ level, format, begins string }{
		{"info", "", `{"level":"info"`}, // a buffer is no terminal
		{"info", "json", `{"level":"info"`},
		{"debug", "console", ""},
		{"warn", "json", "-"}, // not worth a line
	} {
		var out bytes.Buffer
		log, err := NewLog(config.Log{Level: tt.level, Format: tt.format}, &out)
		if err != nil {
			t.Fatal(err)
		}
		log.Info().Msg("hello")
		got := out.String()
		switch {
		case tt.begins == "-" && got != "":
			t.Errorf("%+v: wrote %q", tt, got)
		case tt.begins == "" && (!strings.Contains(got, "INF hello") || strings.Contains(got, "\x1b")):
			t.Errorf("%+v: wrote %q, want plain words without colours", tt, got)
		case tt.begins != "-" && !strings.HasPrefix(got, tt.begins):
			t.Errorf("%+v: wrote %q", tt, got)
		}
	}
	if _, err := NewLog(config.Log{Level: "loud"}, &bytes.Buffer{}); err == nil {
		t.Error("an unknown level is taken")
	}
}
