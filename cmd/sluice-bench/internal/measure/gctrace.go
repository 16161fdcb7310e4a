//go:build linux

package measure

import (
	"regexp"
	"strconv"
	"strings"
)

// GCTrace makes a Go server write a line for each collection; see package runtime.
const GCTrace = "GODEBUG=gctrace=1"

// gc 3 @0.5s 1%: 0.01+1.2+0.003 ms clock, 0.02+0.3/1.1/0+0.006 ms cpu, …
var gcLine = regexp.MustCompile(`(?m)^gc \d+ @.* ms clock, ([0-9.+/]+) ms cpu,`)

// ParseCollections returns the milliseconds of CPU of each cycle in a gctrace.
func ParseCollections(log string) []float64 {
	var cycles []float64
	for _, m := range gcLine.FindAllStringSubmatch(log, -1) {
		var sum float64
		for part := range strings.FieldsFuncSeq(m[1], func(r rune) bool { return r == '+' || r == '/' }) {
			v, err := strconv.ParseFloat(part, 64)
			if err != nil {
				return nil
			}
			sum += v
		}
		cycles = append(cycles, sum)
	}
	return cycles
}
