package doctor

import (
	"testing"
	"time"
)

// arrivals are of events that were sent every so often, and came so many milliseconds
// after the request.
func arrivals(every time.Duration, size int, received ...int) []arrival {
	list := make([]arrival, len(received))
	for i, ms := range received {
		list[i] = arrival{sent: time.Duration(i) * every, received: time.Duration(ms) * time.Millisecond, size: size}
	}
	return list
}

func TestPace(t *testing.T) {
	const every, trip = 300 * time.Millisecond, 20 * time.Millisecond
	for _, tt := range []struct {
		name     string
		received []int
		want     shape
	}{
		{"as they were sent", []int{20, 320, 621, 920, 1220, 1520, 1821}, atOnce},
		{"one was late", []int{20, 320, 1100, 1101, 1220, 1520, 1821}, atOnce},
		{"a slow machine's start", []int{500, 501, 621, 920, 1220, 1520, 1821}, atOnce},
		{"each late", []int{220, 520, 821, 1120, 1420, 1720, 2021}, delayed},
		{"each late, and one later", []int{220, 520, 1120, 1121, 1420, 1720, 2021}, delayed},
		{"all at the end", []int{1822, 1822, 1823, 1823, 1824, 1824, 1825}, untilEnd},
		{"the last may have been on its way", []int{1620, 1621, 1622, 1623, 1624, 1625, 1626}, untilEnd},
		{"by the second", []int{1020, 1020, 1020, 1021, 2020, 2021, 2021}, bunched},
	} {
		if got := paceOf(arrivals(every, 128, tt.received...), every, trip); got.shape != tt.want {
			t.Errorf("%s: %+v, want %d", tt.name, got, tt.want)
		}
	}
}

// The bunches between the first, which a header may have shortened, and the last, which
// the end has pushed, are a buffer's size.
func TestBunches(t *testing.T) {
	const every = 30 * time.Millisecond
	list := arrivals(every, 1024, 60, 60, 60, 180, 180, 181, 181, 300, 300, 300, 301, 420, 420, 420, 421, 430)
	if got := paceOf(list, every, 0); got.shape != atOnce && got.bunch != 4096 {
		t.Errorf("%+v", got)
	}
	if got := bunchSize(list); got != 4096 {
		t.Errorf("bunches of %d bytes", got)
	}
}
