package load

import (
	"bytes"
	"strconv"
	"time"
)

// StampMax is how many bytes of an event's data hold its stamp: two numbers of
// at most 20 digits and their names. Brackets a server puts around don't matter.
const StampMax = 96

// Payload makes an event's data: JSON of about size bytes that begins with when
// it was made and its number, so that a reader knows both from the first bytes.
func Payload(at time.Time, n int, user string, size int) []byte {
	b := make([]byte, 0, size+64)
	b = append(b, `{"at":`...)
	b = strconv.AppendInt(b, at.UnixNano(), 10)
	b = append(b, `,"n":`...)
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, `,"user":"`...)
	b = append(b, user...)
	b = append(b, `","pad":"`...)
	for len(b) < size-2 {
		b = append(b, 'x')
	}
	return append(b, `"}`...)
}

// ParseStamp finds an event's time and number in the first bytes of its data.
func ParseStamp(data []byte) (at time.Time, n int, ok bool) {
	nanos, ok := numberAfter(data, `"at":`)
	if !ok {
		return time.Time{}, 0, false
	}
	number, ok := numberAfter(data, `"n":`)
	return time.Unix(0, nanos), int(number), ok
}

func numberAfter(data []byte, name string) (n int64, ok bool) {
	i := bytes.Index(data, []byte(name))
	if i < 0 {
		return 0, false
	}
	for _, c := range data[i+len(name):] {
		if c < '0' || c > '9' {
			break
		}
		n, ok = n*10+int64(c-'0'), true
	}
	return n, ok
}
