package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes.
type Size int64

// String is the size as one would write it: in the largest binary unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if u.binary && s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// sizeUnits has the largest first, and a name before the names that it ends with ("MiB"
// before "B").
var sizeUnits = []struct {
	name   string
	bytes  int64
	binary bool
}{
	{"TiB", 1 << 40, true}, {"GiB", 1 << 30, true}, {"MiB", 1 << 20, true}, {"KiB", 1 << 10, true},
	{"TB", 1e12, false}, {"GB", 1e9, false}, {"MB", 1e6, false}, {"KB", 1e3, false}, {"kB", 1e3, false},
	{"B", 1, false},
}

var errSize = errors.New("is not a size: write bytes (1048576) or a whole number with a unit (64KB, 256MiB)")

// ParseSize reads "256MiB", "64KB" or plain bytes. KB is 1000 bytes, KiB 1024.
func ParseSize(s string) (Size, error) {
	digits, unit := s, int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			digits, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n > uint64(math.MaxInt64/unit) {
		return 0, fmt.Errorf("%q %w", s, errSize)
	}
	return Size(int64(n) * unit), nil
}

const day = 24 * time.Hour

var errDuration = errors.New("is not a duration: write a number with its unit, such as 15s, 10m, 12h or 7d")

// ParseDuration reads Go's durations ("15s", "1h30m"), with whole days in front if wanted
// ("7d", "1d12h").
func ParseDuration(s string) (time.Duration, error) {
	var days time.Duration
	rest := s
	if number, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 63)
		if err != nil || n > uint64(math.MaxInt64/day) {
			return 0, fmt.Errorf("%q %w", s, errDuration)
		}
		days, rest = time.Duration(n)*day, after
		if rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || d > math.MaxInt64-days {
		return 0, fmt.Errorf("%q %w", s, errDuration)
	}
	return days + d, nil
}

// parseDate reads a day, which begins at midnight UTC, or a time as RFC 3339 has it.
func parseDate(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date: write 2026-11-01, or a time such as 2026-11-01T09:00:00Z", text)
}
