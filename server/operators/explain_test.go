package operators

import "testing"

func TestListed(t *testing.T) {
	for want, names := range map[string][]string{
		`event "a"`:                       {"a"},
		`events "a" and "b"`:              {"a", "b"},
		`events "a", "b" and "c"`:         {"a", "b", "c"},
		`events "a", "b", "c" and 2 more`: {"a", "b", "c", "d", "e"},
	} {
		if got := listed("event", names); got != want {
			t.Errorf("%v: %s", names, got)
		}
	}
}
