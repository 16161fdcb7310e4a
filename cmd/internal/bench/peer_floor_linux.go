package bench

import "context"

// The floors stand in the table so that a mode can have them take their turn
// like any other server.
var (
	floorPeer = peer{
		name: floorName, about: "bare write(2) loop over the connections",
		start: func(ctx context.Context, s *session, _ shape) (*target, error) {
			return startPublished(ctx, s, floorName, "floor")
		},
	}
	kafkaFloorPeer = peer{
		name: kafkaFloor, about: "bare franz-go poll loop, and a bare write(2) to whom a record is for",
		kafka: true, only: []audience{private},
		start: func(ctx context.Context, s *session, sh shape) (*target, error) {
			return startPublished(ctx, s, kafkaFloor, "floor", "--kafka", join(s.brokersNow()), "--topic", sh.topics[private])
		},
	}
)

// startPublished runs one of this program's own small servers, which all have
// GET /events?user= and POST /publish?user=, an event's data as body.
func startPublished(ctx context.Context, s *session, name string, args ...string) (*target, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	c, err := startSelf(s.dir, name, append(args, "--listen", addr)...)
	if err != nil {
		return nil, err
	}
	return started(ctx, c, published(addr))
}

func published(addr string) *target {
	return &target{
		addr: addr,
		path: func(a audience) string {
			if a == public {
				return "/events?user=" + everyone
			}
			return "/events?user={user}"
		},
		feed: func(audience) (feeder, error) {
			return newHTTPFeeder("POST", "http://"+addr+"/publish?user={user}", ""), nil
		},
	}
}
