package server

import (
	"net/netip"
	"time"

	"sluice/server/limit"
)

// takeStream counts a stream that begins, where there is room or, if it may crowd, the
// user's oldest stream could give way. One that gave way itself is not counted. It must
// stay away for as long as left says.
func (s *Server) takeStream(ip netip.Addr, a *admission, mayCrowd bool) (taken limit.Quota, why string, left time.Duration) {
	user, callers := a.principal.User, s.limits.Callers(a.principal.User, ip)
	if left = s.terms.evictions.Refuses(callers[0], a.notes); left > 0 {
		return limit.Quota{}, limit.PerUser, left
	}
	taken, why = s.limits.Acquire(user, ip)
	if why != limit.PerUser || !s.cfg.Limits.EvictOldest || !mayCrowd {
		return taken, why, 0
	}
	if !s.terms.evictions.MayEvict(callers[0], a.request.Cursor) || s.limits.Crowded(callers[0]) {
		return limit.Quota{}, limit.PerUser, 0
	}
	taken, why = s.limits.AcquireBeyond(callers)
	a.crowds = why == ""
	return taken, why, 0
}

// makeRoom has the oldest stream of a user give way to one that has just been opened.
// False means that none may. It comes last. So nothing gives way to a request that comes
// to no stream, as with a used ticket, or while Kafka is away.
func (s *Server) makeRoom(user string) bool {
	isStream := func(key uint64) bool { // which a poll is not: it soon ends by itself
		came, known := s.roster.find(key)
		return known && came.by != byPoll
	}
	return s.cfg.Hub.EvictOldest(user, isStream)
}

// mayCatchUp is what a request asks before it has Kafka asked.
func (s *Server) mayCatchUp(who string, ip netip.Addr) func() error {
	return func() error {
		if why := s.limits.CatchUp(who, ip, time.Now()); why != "" {
			return overLimit{why}
		}
		return nil
	}
}
