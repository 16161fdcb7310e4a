package config

import (
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Size
		ok   bool
	}{
		{"0", 0, true},
		{"1048576", 1 << 20, true},
		{"256MiB", 256 << 20, true},
		{"64KB", 64_000, true},
		{"64kB", 64_000, true},
		{"2 GiB", 2 << 30, true},
		{"1TB", 1e12, true},
		{"7B", 7, true},
		{"8388607TiB", 8388607 << 40, true},
		{"8388608TiB", 0, false}, // one more than 63 bits hold
		{"1.5GiB", 0, false},
		{"-1", 0, false},
		{"MiB", 0, false},
		{"10mb", 0, false},
		{"", 0, false},
	} {
		got, err := ParseSize(tt.text)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseSize(%q) = %d, %v; want %d, %v", tt.text, got, err, tt.want, tt.ok)
		}
	}
}

func TestSizeIsWrittenAsItIsRead(t *testing.T) {
	for text, size := range map[string]Size{"256MiB": 256 << 20, "1000": 1000, "0": 0, "3KiB": 3 << 10} {
		if got := size.String(); got != text {
			t.Errorf("%d is %q, want %q", int64(size), got, text)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"15s", 15 * time.Second, true},
		{"1h30m", 90 * time.Minute, true},
		{"7d", 7 * day, true},
		{"0d", 0, true},
		{"1d12h", 36 * time.Hour, true},
		{"15", 0, false}, // of what?
		{"-1s", 0, false},
		{"1d-1h", 0, false},
		{"1.5d", 0, false},
		{"106752d", 0, false}, // more than 63 bits of nanoseconds
		{"106751d24h", 0, false},
		{"d", 0, false},
		{"", 0, false},
	} {
		got, err := ParseDuration(tt.text)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v, %v", tt.text, got, err, tt.want, tt.ok)
		}
	}
}
