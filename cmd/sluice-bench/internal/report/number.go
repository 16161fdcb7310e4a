package report

import (
	"fmt"
	"math"
	"slices"
)

// Median is the middle value, or the mean of the two in the middle.
func Median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// IntervalMin is how many values it takes to be 95 % sure of anything.
const IntervalMin = 6

// MedianInterval is between which of the values, at least intervalMin, the median of all
// there could be lies, with a confidence of 95 %. How many are below it is the number of
// heads among as many coins.
func MedianInterval(v []float64) (low, high float64) {
	s := slices.Sorted(slices.Values(v))
	below := math.Pow(0.5, float64(len(s))) // chance of at most k heads
	term, k := below, 0
	for k+1 < (len(s)+1)/2 {
		term *= float64(len(s)-k) / float64(k+1)
		if below+term > 0.025 {
			break
		}
		below += term
		k++
	}
	return s[k], s[len(s)-1-k]
}

// Number prints three significant digits, and large numbers with separators.
func Number(v float64) string {
	switch a := max(v, -v); {
	case v == math.Trunc(v) && a < 1000:
		return fmt.Sprintf("%.0f", v)
	case a >= 1000:
		s := fmt.Sprintf("%.0f", v)
		for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
