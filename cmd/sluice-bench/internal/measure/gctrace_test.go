//go:build linux

package measure

import "testing"

func TestCollectionsAreReadFromATrace(t *testing.T) {
	const log = `{"level":"info","message":"gc 1 @ looks like one"}
gc 1 @0.021s 2%: 0.035+0.51+0.003 ms clock, 0.071+0.25/0.40/0.25+0.006 ms cpu, 4->4->1 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 2 P
gc 2 @1.021s 2%: 0.035+0.51+0.003 ms clock, 1+2/3/4+5 ms cpu, 4->4->1 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)
`
	got := ParseCollections(log)
	if len(got) != 2 || got[1] != 15 || got[0] < 0.976 || got[0] > 0.978 {
		t.Errorf("%v", got)
	}
}
