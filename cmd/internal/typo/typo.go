// Package typo guesses what a misspelt word was meant to be.
package typo

// MaxWord is the longest word looked at. Nobody types a longer one, and the work grows
// with its square.
const MaxWord = 100

// Closest returns the candidate most like word, or "" when none is like it enough to be
// what was meant. At most a third of its letters may differ, and two letters of a short
// word.
func Closest(word string, candidates []string) string {
	if len(word) > MaxWord {
		return ""
	}
	best, bestDistance := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if d := distance(word, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the number of letters to insert, remove, change or swap with a neighbour to
// make a into b.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
