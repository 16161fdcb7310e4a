package shape

import (
	"fmt"
	"testing"
)

// A record may bring regular expressions. What they take is given back.
func TestRegularExpressionsOfRecordsAreForgotten(t *testing.T) {
	p, err := newProgram(`.re as $re | .s | test($re; "i")`, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	first, most := p.code, 0
	for i := range 3 * maxPatterns / (200 * perInstruction) {
		in := map[string]any{"s": fmt.Sprintf("Order %d", i), "re": fmt.Sprintf("^order %d(x{0,200})$", i)}
		if out, n, err := p.run(in); out != true || n != 1 || err != nil {
			t.Fatal(in, out, err)
		}
		most = max(most, p.patterns.bytes)
	}
	if p.code == first || most > 2*maxPatterns {
		t.Errorf("another interpreter: %v; they had up to %d bytes", p.code != first, most)
	}
	if out, _, err := p.run(map[string]any{"s": "x", "re": "("}); err == nil {
		t.Error("what is no regular expression:", out)
	}
}

// A gateway that has just begun must take a record as another does that knows the
// expression already.
func TestARegularExpressionCostsTheSameEachTime(t *testing.T) {
	known := new(patterns)
	costs := make(map[int]bool)
	for range 3 {
		b := newBudget(1<<20, known)
		for range 10 {
			if err := b.pattern(`^[a-z]{1,50}@(\pL+\.)+de$`, 20); err != nil {
				t.Fatal(err)
			}
		}
		costs[b.steps*perStep+b.bytes] = true
	}
	if len(costs) != 1 {
		t.Error(costs)
	}
}
