package stream

import (
	"fmt"
	"strings"
	"testing"
)

// likeAlice are other people.
var likeAlice = []string{
	"Alice", "ALICE", "alice ", " alice", "alice\x00", "alic", "alice2", "аlice", "alicé", "alice\u0301", "alice\u200b", "a", "\xff", "alice\n", "*", "%",
}

// Rule 10: users are whole byte strings: no case, no prefix, no normal form makes two of
// them one, not in memory, not in a pass, not in last:N.
func TestUsersNeverMeet(t *testing.T) {
	r := newRig(t, 1, orders)
	everyone := append([]string{"alice"}, likeAlice...)
	for range 2 {
		for _, u := range everyone {
			r.put(0, 0, u, "for "+u)
		}
	}
	r.readAll()
	check := func(where string) {
		t.Helper()
		for _, u := range everyone {
			for _, q := range []Request{{User: u, Cursor: "orders@ep0:0"}, {User: u, From: From{Kind: FromLast, N: 2}}} {
				got := r.open(q).take()
				if len(got) != 2 {
					t.Errorf("%s: %q got %q", where, u, got)
				}
				for _, data := range got { // as a reader sees it: one line a line, U+FFFD for what is no UTF-8
					if want := strings.ToValidUTF8("for "+u, "\ufffd"); data != want {
						t.Errorf("%s: %q got %q", where, u, data)
					}
				}
			}
		}
	}
	check("memory")
	r.evict(0)
	check("Kafka")
	pages := map[string]*page{}
	for _, u := range everyone {
		pages[u] = r.open(Request{User: u})
		pages[u].gets()
		pages[u].woken()
	}
	r.tell(0, 0, "alice", "live")
	for u, p := range pages {
		if p.woken() != (u == "alice") {
			t.Errorf("%q woken by alice's: %v", u, u != "alice")
		}
		if got := len(p.take()); (got == 1) != (u == "alice") {
			t.Errorf("%q got %d of alice's", u, got)
		}
	}
}

// Rule 10 when all have the same hash: the bytes decide.
func TestUsersOfOneHashNeverMeet(t *testing.T) {
	r := newRig(t, 1, orders)
	r.hub.users.hash = func([]byte) uint64 { return 7 }
	for range 3 {
		for i := range 20 {
			r.put(0, 0, fmt.Sprint("user", i), fmt.Sprint("for ", i))
		}
	}
	r.readAll()
	for i := range 20 {
		want := fmt.Sprint("for ", i)
		r.open(Request{User: fmt.Sprint("user", i), Cursor: "orders@ep0:0"}).gets(want, want, want)
	}
	r.open(Request{User: "user20", Cursor: "orders@ep0:0"}).gets()
	r.evict(0)
}

// No identity, no one's events: an event that names the empty user, if one came, would
// not be everybody's without a name.
func TestNobodyIsNoUser(t *testing.T) {
	r := newRig(t, 1, orders, news)
	nobody := func(cursor string) *page {
		t.Helper()
		s, o, err := r.hub.Open(t.Context(), Request{Streams: []int{0, 1}, Cursor: cursor, From: From{Kind: FromEarliest}, Waker: r.waker, Token: r.wakes.next()})
		if err != nil {
			t.Fatal(err)
		}
		return &page{r: r, sub: s, id: o.ID, token: r.hub.subs.at(s.id).token}
	}
	live := nobody("")
	r.put(0, 0, "", "the empty user's")
	r.put(0, 0, "alice", "hers")
	r.tell(1, 0, "alice", "everyone's")
	live.gets("everyone's")
	nobody("orders@ep0:0~news@ep0:0").gets("everyone's")
	r.evict(0)
	r.evict(1)
	nobody("orders@ep0:0~news@ep0:0").gets("everyone's")
	nobody("").gets("everyone's")
}

func TestEventOfSeveralUsers(t *testing.T) {
	r := newRig(t, 1, orders)
	buyer, seller, other := r.open(Request{User: "buyer"}), r.open(Request{User: "seller"}), r.open(Request{User: "other"})
	users := [][]byte{[]byte("buyer"), []byte("seller")}
	for i := range 98 {
		users = append(users, fmt.Append(nil, "carbon copy ", i))
	}
	r.kafka.put(0, 0, Event{Users: users, Data: []byte("1")})
	r.kafka.put(0, 0, Event{Users: users[1:], Data: []byte("2")})
	r.kafka.put(0, 0, Event{Users: users[:1], Data: []byte("3")})
	r.readAll()
	buyer.gets("1", "3")
	seller.gets("1", "2")
	other.gets()
	for i := range 98 {
		r.open(Request{User: fmt.Sprint("carbon copy ", i), Cursor: "orders@ep0:0"}).gets("1", "2")
	}
	for _, q := range []Request{{User: "seller"}, {User: "other"}} {
		q.Cursor = "orders@ep0:0"
		want := map[string][]string{"seller": {"1", "2"}}[q.User]
		r.open(q).gets(want...)
		r.evict(0)
		r.open(q).gets(want...)
	}
}

// A user named twice in one event gets it once.
func TestUserNamedTwiceGetsItOnce(t *testing.T) {
	r := newRig(t, 1, orders)
	p := r.open(Request{})
	for i := range 3 {
		r.kafka.put(0, 0, Event{Users: [][]byte{[]byte("alice"), []byte("bob"), []byte("alice")}, Data: fmt.Append(nil, i)})
	}
	r.readAll()
	p.gets("0", "1", "2")
	r.resume("orders@ep0:0").gets("0", "1", "2")
	r.evict(0)
	r.resume("orders@ep0:0").gets("0", "1", "2")
}

func TestEveryoneStreamReachesEveryone(t *testing.T) {
	r := newRig(t, 1, orders, news)
	alice, bob := r.open(Request{}), r.open(Request{User: "bob"})
	r.tell(1, 0, "alice", "news") // whom it names is not looked at
	r.tell(0, 0, "alice", "hers")
	alice.gets("news", "hers")
	bob.gets("news")
}

// A user of several connections has each of them served, wherever it stands.
func TestUserWithSeveralConnections(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	var pages []*page
	for i := range 5 {
		pages = append(pages, r.open(Request{Streams: []int{i % 2}}))
	}
	for i, closed := range []int{2, 0, 4} { // from the middle, the first and the last of the chain
		pages[closed].sub.Close()
		r.tell(0, 0, "alice", fmt.Sprint("order ", i))
		r.tell(1, 0, "alice", fmt.Sprint("stock ", i))
	}
	pages[1].gets("stock 0", "stock 1", "stock 2")
	pages[3].gets("stock 0", "stock 1", "stock 2")
	pages[4].gets("closed")
}

// The table of users gives back what nobody refers to, and keeps everybody else's names
// whole.
func TestUsersTable(t *testing.T) {
	u := newUsers()
	name := func(i int) []byte { return fmt.Appendf(nil, "user %d %s", i, strings.Repeat("x", i%50)) }
	const n = 20_000
	uids := make([]uint32, n)
	for i := range uids {
		uids[i] = u.acquire(name(i))
		if again := u.acquire(name(i)); again != uids[i] {
			t.Fatalf("user %d is %d and %d", i, uids[i], again)
		}
	}
	size := u.ids.Allocated()
	for i := range uids {
		u.release(uids[i])
		if i%10 != 0 {
			u.release(uids[i])
		}
	}
	for i := range uids {
		want := uint32(0)
		if i%10 == 0 {
			want = uids[i]
		}
		if got := u.find(name(i)); got != want || got != 0 && string(u.id(got)) != string(name(i)) {
			t.Fatalf("user %d is found as %d, want %d", i, got, want)
		}
	}
	if u.ids.Allocated() > size/3 {
		t.Errorf("%d bytes of names are kept of %d for a tenth of the users", u.ids.Allocated(), size)
	}
	slots := len(u.slots)
	for i := range uids {
		if i%10 != 0 {
			u.acquire(name(i + n))
		}
	}
	if len(u.slots) != slots {
		t.Errorf("%d slots, where %d had been enough", len(u.slots), slots)
	}
}
