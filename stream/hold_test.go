package stream

import "os"

// full reports whether the sizes that are stated are run in full.
var full = os.Getenv("SLUICE_TEST_FULL") == "1"

// sized is a size that is stated, or a tenth of it.
func sized(n int) int {
	if full {
		return n
	}
	return n / 10
}
