package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"sluice/stream"
)

// etagLife bounds how long a state's tag stays the same. A cache that is told again and
// again that nothing is new keeps its cursor as well. That must not grow older than what
// is cheap to resume at.
const etagLife = 5 * time.Minute

// etag is made of what tells the state's events from others (stream.State.Tag). It is not
// made of where the state is true, since the cursor moves with everybody's events. But it
// changes when cursors of before may not hold any more. Otherwise a page that loads the
// state because of a reset would be given the same cursor by its cache.
func etag(state *stream.State, names []string, now time.Time) string {
	sum := sha256.New()
	word := func(b []byte) {
		sum.Write(binary.AppendUvarint(nil, uint64(len(b))))
		sum.Write(b)
	}
	number := func(n uint64) { word(binary.AppendUvarint(nil, n)) }
	word([]byte(strings.Join(names, ",")))
	number(state.Turn)
	number(uint64(now.Unix() / int64(etagLife/time.Second)))
	word(strconv.AppendBool(nil, state.Complete))
	for _, n := range state.Tag {
		number(n)
	}
	return `"` + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:12]) + `"`
}
