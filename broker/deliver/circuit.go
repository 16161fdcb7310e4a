package deliver

import "time"

const (
	// openAfter is how many attempts in a row must find the target down. A target that
	// fails one time in five practically never does so by chance.
	openAfter = 10

	// probePause is the time between two probes of a target that is down.
	probePause = 5 * time.Second
)

// circuit keeps attempts from a target that is down. Otherwise an outage of a minute
// would use up the attempts of thousands of records. While it is open one record at a
// time is tried. The first that finds the target alive closes it.
type circuit struct {
	down    int  // attempts in a row that found the target down
	open    bool //
	probing bool // an attempt is under way
	next    time.Time
}

// allows reports whether an attempt may begin now; else it may at that time, or, if that
// is zero, once a probe has ended.
func (c *circuit) allows(now time.Time) (ok bool, at time.Time) {
	switch {
	case !c.open:
		return true, time.Time{}
	case c.probing:
		return false, time.Time{}
	}
	return !now.Before(c.next), c.next
}

func (c *circuit) begin() { c.probing = c.open }

// end notes what an attempt found. It reports whether the circuit opens or closes by it.
func (c *circuit) end(now time.Time, o Outcome) (changed bool) {
	switch {
	case o.Verdict == Pending: // the target was not asked
		c.probing = false
	case !o.Down:
		changed = c.open
		*c = circuit{}
	default:
		c.down++
		if c.down >= openAfter {
			changed = !c.open
			c.open, c.probing = true, false
			c.next = now.Add(max(probePause, min(o.After, maxRetryAfter)))
		}
	}
	return changed
}
