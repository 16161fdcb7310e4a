package deflate

import (
	"net/http"
	"strconv"
	"strings"
)

// Accepts reports whether a request would have its answer in gzip (RFC 9110, section
// 12.5.3). It must say so: a client that names no coding may not know any. One that would
// rather have it plain gets it plain.
func Accepts(header http.Header) bool {
	const unsaid = -1
	coded, others, plain := float64(unsaid), float64(unsaid), float64(unsaid)
	for _, line := range header.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(item, ";")
			q := quality(weight)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case Encoding, "x-gzip":
				coded = max(coded, q)
			case "*":
				others = max(others, q)
			case "identity":
				plain = max(plain, q)
			}
		}
	}
	if coded == unsaid {
		coded = others
	}
	return coded > 0 && coded >= plain
}

// quality is the weight of a coding. One that can't be read is 0.
func quality(weight string) float64 {
	weight = strings.TrimSpace(weight)
	if weight == "" {
		return 1
	}
	name, value, _ := strings.Cut(weight, "=")
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !strings.EqualFold(strings.TrimSpace(name), "q") || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
