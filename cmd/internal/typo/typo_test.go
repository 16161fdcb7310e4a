package typo

import (
	"strings"
	"testing"
)

func TestClosest(t *testing.T) {
	commands := []string{"serve", "demo", "tail", "check", "version"}
	for word, want := range map[string]string{
		"serv":   "serve",
		"sevre":  "serve", // neighbours swapped
		"chekc":  "check",
		"tails":  "tail",
		"verion": "version",
		"kafka":  "", // like none of them
		"":       "",

		strings.Repeat("serve", 100): "",
	} {
		if got := Closest(word, commands); got != want {
			t.Errorf("Closest(%q) = %q, want %q", word, got, want)
		}
	}
}
