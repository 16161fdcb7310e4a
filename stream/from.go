package stream

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// FromKind is a way to begin a stream that the cursor doesn't name.
type FromKind uint8

const (
	FromLive     FromKind = iota // with what comes from now on
	FromEarliest                 // with the oldest that Kafka has
	FromLast                     // with the newest N of all streams together
	FromSince                    // with the first record whose timestamp isn't before a time, in each partition, as Kafka finds it
)

// MaxLast is the most events that last:N may ask for.
const MaxLast = 1000

// From is where a stream begins that the cursor doesn't name. The zero From is live.
type From struct {
	Kind  FromKind
	N     int
	Since time.Time
}

// ParseFrom reads live, earliest, last:N or since:RFC3339; "" is live.
func ParseFrom(s string) (From, error) {
	name, value, _ := strings.Cut(s, ":")
	switch {
	case s == "" || s == "live":
		return From{}, nil
	case s == "earliest":
		return From{Kind: FromEarliest}, nil
	case name == "last":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > MaxLast {
			return From{}, fmt.Errorf("from=last:N takes a number from 1 to %d", MaxLast)
		}
		return From{Kind: FromLast, N: n}, nil
	case name == "since":
		// A query turns the + of a zone into a space.
		t, err := time.Parse(time.RFC3339, strings.ReplaceAll(value, " ", "+"))
		if err != nil {
			return From{}, fmt.Errorf("from=since:TIME takes a time like 2026-01-31T12:00:00Z (RFC 3339)")
		}
		return From{Kind: FromSince, Since: t}, nil
	}
	return From{}, fmt.Errorf("from takes live, earliest, last:N or since:TIME")
}

// Catchup bounds what is read from Kafka for those whose position is older than memory.
type Catchup struct {
	MaxRecords  int64         // of all partitions, between the position and the log's head; beyond: ReasonBounds
	MaxAge      time.Duration // of a cursor's position that is not near: see Hub.limit; beyond: ReasonBounds
	Concurrency int           // passes at once
}

func (c Catchup) withDefaults() Catchup {
	if c.MaxRecords == 0 {
		c.MaxRecords = 1_000_000
	}
	if c.MaxAge == 0 {
		c.MaxAge = 24 * time.Hour
	}
	if c.Concurrency == 0 {
		c.Concurrency = 2
	}
	return c
}
