package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is so many times within a span; the zero Rate is no bound.
type Rate struct {
	N   int
	Per time.Duration
}

var errRate = errors.New("is not a rate: write a number and a unit of time, such as 20/s, 100/m or 1000/h; 0 is no bound")

var rateUnits = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// ParseRate reads "20/s".
func ParseRate(s string) (Rate, error) {
	if s == "0" {
		return Rate{}, nil
	}
	number, unit, _ := strings.Cut(s, "/")
	n, err := strconv.Atoi(number)
	per := rateUnits[unit]
	if err != nil || n < 1 || n > 1e6 || per == 0 {
		return Rate{}, fmt.Errorf("%q %w", s, errRate)
	}
	return Rate{N: n, Per: per}, nil
}
