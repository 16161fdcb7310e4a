package gateway

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/config"
	"sluice/cmd/internal/top"
	"sluice/stream/ssetest"
)

// inquest is a gateway that remembers decisions, with the stream orders (each user's,
// about an order) and board (the same topic, for staff).
type inquest struct {
	t       *testing.T
	cluster *kfake.Cluster
	*Gateway
}

const inquestKey = "thirty-two bytes are long enough"

func newInquest(t *testing.T, more string) *inquest {
	t.Helper()
	c := cluster(t, 1)
	conf := configured(t, c, `streams:
  orders: {topic: order-topic, user: key, subject: value:orderId, event: "header:type"}
  board: {topic: order-topic, audience: everyone, access: [staff]}
auth: {jwt: {secret: %q, from: [header, "query:token"]}}
%s`, inquestKey, more)
	return &inquest{t, c, start(t, conf)}
}

// token is a login of a user's.
func token(user string, roles ...string) string {
	encode := base64.RawURLEncoding.EncodeToString
	claims, _ := json.Marshal(map[string]any{"sub": user, "roles": roles, "exp": time.Now().Add(time.Hour).Unix()})
	body := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(inquestKey))
	mac.Write([]byte(body))
	return body + "." + encode(mac.Sum(nil))
}

func (q *inquest) events(token, query string) string {
	return "http://" + q.Addr().String() + "/events?token=" + token + "&" + query
}

// connect opens a stream, which ends with the test or with leave.
func (q *inquest) connect(token, query string) (r *ssetest.Reader, leave func()) {
	q.t.Helper()
	before := q.open()
	r, body := open(q.t, http.DefaultClient, q.events(token, query))
	return r, func() {
		body.Close()
		q.await("gone", func() bool { return q.open() <= before })
	}
}

// open is how many are connected.
func (q *inquest) open() int {
	var list struct{ Open int }
	q.admin("/subscribers", &list)
	return list.Open
}

func (q *inquest) admin(path string, into any) {
	q.t.Helper()
	status, body := get(q.t, "http://"+q.AdminAddr().String()+path)
	if status != http.StatusOK {
		q.t.Fatalf("%s: %d %s", path, status, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		q.t.Fatal(err)
	}
}

func (q *inquest) await(what string, holds func() bool) {
	q.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); !holds(); {
		select {
		case <-tick.C:
		case <-late:
			q.t.Fatal("never: " + what)
		}
	}
}

// order produces a record and waits until the gateway has read it. It returns its offset.
func (q *inquest) order(key, value string) int64 {
	q.t.Helper()
	return q.orders(key, value, 1)
}

// orders produces the same n times, and returns the offset of the last.
func (q *inquest) orders(key, value string, n int) int64 {
	q.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(q.cluster.ListenAddrs()...), kgo.ProducerBatchMaxBytes(8<<20))
	if err != nil {
		q.t.Fatal(err)
	}
	defer client.Close()
	var all []*kgo.Record
	for range n {
		r := &kgo.Record{Topic: "order-topic", Value: []byte(value), Headers: []kgo.RecordHeader{{Key: "type", Value: []byte("order.confirmed")}}}
		if key != "" {
			r.Key = []byte(key)
		}
		all = append(all, r)
	}
	if err := client.ProduceSync(q.t.Context(), all...).FirstErr(); err != nil {
		q.t.Fatal(err)
	}
	last := all[n-1].Offset
	q.read(last + 1)
	return last
}

// read waits until the gateway has read up to an offset.
func (q *inquest) read(next int64) {
	q.t.Helper()
	q.await("read", func() bool {
		var live struct {
			Streams []struct{ Partitions []struct{ Next int64 } }
		}
		q.admin("/live", &live)
		return live.Streams[0].Partitions[0].Next >= next && live.Streams[1].Partitions[0].Next >= next
	})
}

// decided is as much of an answer as the tests look at.
type decided struct {
	Capacity, Remembered int
	Cause, Because       string
	Records              []struct {
		Stream, Poison, Event, Subject, Cause, Because string
		Offset                                         int64
		Users                                          []string
		Connected, Written                             int
		Subscribers                                    []struct{ ID, User, Subject, Cause, Ended string }
	}
}

// ask asks for one record of the stream orders, or of another.
func (q *inquest) ask(offset int64, query string) decided {
	q.t.Helper()
	if !strings.Contains(query, "stream=") {
		query += "&stream=orders"
	}
	var d decided
	q.admin(fmt.Sprintf("/decisions?topic=order-topic&partition=0&offset=%d&%s", offset, query), &d)
	return d
}

// want asks, and compares the cause and a part of the sentence.
func (q *inquest) want(offset int64, query, cause, because string) decided {
	q.t.Helper()
	d := q.ask(offset, query)
	if d.Cause != cause || !strings.Contains(d.Because, because) {
		q.t.Errorf("offset %d, %s: %s: %q; want %s: …%q…", offset, query, d.Cause, d.Because, cause, because)
	}
	// and sluice top says the same
	asked, err := url.ParseQuery(query)
	if err != nil {
		q.t.Fatal(err)
	}
	args := []string{"--why", fmt.Sprint("order-topic/0/", offset), "--stream", cmp.Or(asked.Get("stream"), "orders"), "--user", asked.Get("user"), q.AdminAddr().String()}
	var out, errs bytes.Buffer
	if status := top.Run(q.t.Context(), args, nil, &out, &errs); status != 0 || !strings.Contains(out.String(), cause+": ") || !strings.Contains(out.String(), because) {
		q.t.Errorf("sluice top %q: %d %s%s; want %s: …%q…", args, status, &out, &errs, cause, because)
	}
	return d
}

func body(order string) string { return fmt.Sprintf(`{"orderId":%q,"secret":"payload"}`, order) }

// TestWhy asks a running gateway over HTTP why somebody got an event or didn't, for each
// cause there is but lagging.
func TestWhy(t *testing.T) {
	q := newInquest(t, "decisions: 1000\n")
	alice, leave := q.connect(token("alice"), "")

	written := q.order("alice", body("o-1"))
	next(t, alice)
	q.want(written, "user=alice", "written", "Written to alice at ")
	d := q.want(written, "", "written", "after it was read.")
	if r := d.Records[0]; r.Event != "order.confirmed" || r.Subject != "o-1" || len(r.Users) != 1 || r.Users[0] != "alice" || r.Connected != 1 || r.Written != 1 || len(r.Subscribers) != 1 || r.Subscribers[0].ID == "" {
		t.Errorf("the record is %+v", r)
	}

	wrongKey := q.order("bob", body("o-2"))
	q.want(wrongKey, "user=alice", "wrong_user", "It belongs to bob, not to alice.")
	q.want(wrongKey, "user=alic", "wrong_user", "not to alic.")

	poison := q.order("", body("o-3"))
	d = q.want(poison, "user=alice", "poison", fmt.Sprintf("The record at partition 0, offset %d is no event of the stream orders: its user was not found (no_user).", poison))
	if d.Records[0].Poison != "no_user" {
		t.Errorf("%+v", d.Records[0])
	}
	q.want(poison, "", "poison", "It reaches nobody.")

	// Wrong role: asked for by name it is refused, not asked for it is left out.
	q.want(written, "user=alice&stream=board", "role", "may not read the stream board (it takes one of the roles staff)")
	if resp, err := http.Get(q.events(token("carol"), "stream=board")); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("%v, %v", resp, err)
	} else {
		resp.Body.Close()
	}
	board := q.order("alice", body("o-4"))
	next(t, alice)
	q.want(board, "user=carol&stream=board", "role", "carol came at ")
	sam, samLeaves := q.connect(token("sam", "staff"), "stream=board")
	board = q.order("alice", body("o-5"))
	next(t, sam)
	next(t, alice)
	q.want(board, "user=sam&stream=board", "written", "Written to sam")
	if d := q.want(board, "stream=board", "written", "Written 1 time; 1 connection read the stream"); len(d.Records[0].Subscribers) != 1 || d.Records[0].Subscribers[0].User != "sam" {
		t.Errorf("%+v", d)
	}
	sams := q.order("sam", body("o-6"))
	next(t, sam)
	q.want(sams, "user=sam", "stream", "sam was connected, but had not asked for the stream orders.")
	samLeaves()
	leave()

	// Not connected; back for it; back too late for it.
	missed := q.order("alice", body("o-7"))
	d = q.want(missed, "user=alice", "not_connected", "alice was not connected when it was read, and has not come back for it.")
	if d.Records[0].Connected != 0 {
		t.Errorf("%+v", d.Records[0])
	}
	live, leave := q.connect(token("alice"), "")
	q.want(missed, "user=alice", "not_connected", "begins after it.")
	leave()
	_ = live
	back, leave := q.connect(token("alice"), fmt.Sprintf("stream=orders&lastEventId=%s", url.QueryEscape(q.positionBefore("alice", missed))))
	next(t, back)
	q.want(missed, "user=alice", "written_later", "alice was not connected when it was read; back at ")
	leave()
	q.want(missed, "user=alice", "written_later", "That connection ended at ")

	// A filter: another subject, none at all, and the right one.
	filtered, leave := q.connect(token("alice"), "stream=orders&subject=o-8")
	other := q.order("alice", body("o-9"))
	none := q.order("alice", `{}`)
	right := q.order("alice", body("o-8"))
	next(t, filtered)
	q.want(other, "user=alice", "subject", `alice's connection follows the subject "o-8" only, and it is about "o-9".`)
	q.want(none, "user=alice", "subject", `it is about no subject.`)
	q.want(right, "user=alice", "written", "Written to alice")
	leave()

	// What isn't there to be asked about.
	q.want(right+1, "user=alice", "not_read", fmt.Sprintf("it reads offset %d of partition 0 next", right+1))
	marker := q.commit(body("o-10"))
	q.want(marker, "user=alice", "no_record", "a transaction marker")

	var mine decided
	q.admin("/decisions?user=alice&stream=orders&theirs=1&limit=3", &mine)
	if len(mine.Records) != 3 || mine.Records[0].Offset != marker-1 || mine.Records[1].Cause != "written" || mine.Records[1].Offset != right {
		t.Errorf("of alice: %+v", mine)
	}
	var about decided
	q.admin("/decisions?user=alice&subject=o-2", &about)
	if len(about.Records) != 1 || about.Records[0].Cause != "wrong_user" {
		t.Errorf("about o-2: %+v", about)
	}
	_, text := get(t, "http://"+q.AdminAddr().String()+"/decisions?user=alice&limit=200")
	if strings.Contains(text, "payload") {
		t.Errorf("a payload is in it: %s", text)
	}
	for _, query := range []string{"", "?partition=0&offset=1", "?topic=order-topic&partition=-1&offset=1", "?topic=order-topic&partition=0&offset=x", "?user=alice&limit=0"} {
		if status, _ := get(t, "http://"+q.AdminAddr().String()+"/decisions"+query); status != http.StatusBadRequest {
			t.Errorf("/decisions%s: %d", query, status)
		}
	}
	for _, query := range []string{"?topic=nothing&partition=0&offset=1", "?stream=nothing&user=alice"} {
		if status, _ := get(t, "http://"+q.AdminAddr().String()+"/decisions"+query); status != http.StatusNotFound {
			t.Errorf("/decisions%s: %d", query, status)
		}
	}
}

// positionBefore is an id of the stream orders at an offset.
func (q *inquest) positionBefore(user string, offset int64) string {
	q.t.Helper()
	r, leave := q.connect(token(user), "stream=orders&from=earliest")
	defer leave()
	for {
		e := next(q.t, r)
		segment, _, _ := strings.Cut(e.ID, "~")
		if at, _, ok := strings.Cut(segment, ":"); ok {
			return fmt.Sprintf("%s:%d", at, offset)
		}
	}
}

// commit produces a record in a transaction, and returns the offset of the marker that
// ends it.
func (q *inquest) commit(value string) int64 {
	q.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(q.cluster.ListenAddrs()...), kgo.TransactionalID("inquest"))
	if err != nil {
		q.t.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		q.t.Fatal(err)
	}
	r := &kgo.Record{Topic: "order-topic", Key: []byte("alice"), Value: []byte(value)}
	if err := client.ProduceSync(q.t.Context(), r).FirstErr(); err != nil {
		q.t.Fatal(err)
	}
	if err := client.EndTransaction(context.Background(), kgo.TryCommit); err != nil {
		q.t.Fatal(err)
	}
	q.order("bob", body("o-11")) // after it, so that the position has passed it
	return r.Offset + 1
}

// TestWhyALaggingClient: too slow, it is moved to live, or closed and comes back.
func TestWhyALaggingClient(t *testing.T) {
	t.Parallel()
	for _, action := range []string{config.SlowReset, config.SlowClose} {
		t.Run(action, func(t *testing.T) {
			q := newInquest(t, "decisions: 1000\nheartbeat: 60s\nslow_client: {max_lag: 1s, action: "+action+"}\n")
			slow := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{Control: smallWindow}).DialContext}}
			alice, connection := open(t, slow, q.events(token("alice"), "stream=orders"))
			padding := bytes.Repeat([]byte("x"), 200<<10)
			first := q.order("alice", fmt.Sprintf(`{"orderId":"o-1","padding":%q}`, padding))
			// All at once: a client that takes nothing for 30 s is closed for that.
			last := q.orders("alice", fmt.Sprintf(`{"orderId":"o-2","padding":%q}`, padding), 20)
			q.want(last, "user=alice", "not_yet", "has not been sent it yet")
			q.await("late", func() bool {
				var list struct {
					Subscribers []struct {
						BehindSince time.Time `json:"behind_since"`
					}
				}
				q.admin("/subscribers?user=alice", &list)
				return len(list.Subscribers) == 1 && time.Since(list.Subscribers[0].BehindSince) > 1200*time.Millisecond
			})
			id := ""
			for e := next(t, alice); e.Name != "sluice.reset" && e.Name != "sluice.closing"; e = next(t, alice) {
				id = e.ID
			}
			if action == config.SlowReset {
				q.want(last, "user=alice", "skipped", "alice's connection was too slow: at ")
				q.want(first, "user=alice", "written", "Written to alice")
				after := q.order("alice", body("o-3"))
				next(t, alice)
				q.want(after, "user=alice", "written", "Written to alice")
				return
			}
			connection.Close()
			q.await("gone", func() bool { return q.open() == 0 })
			d := q.want(last, "user=alice", "lagged", "was closed at ")
			if s := d.Records[0].Subscribers; len(s) != 1 || s[0].Ended != "lagged" {
				t.Errorf("%+v", s)
			}
			back, _ := q.connect(token("alice"), "stream=orders&lastEventId="+url.QueryEscape(id))
			for !strings.Contains(next(t, back).ID, fmt.Sprint(":", last+1, "-")) { // and the leader epoch
			}
			q.want(last, "user=alice", "written_later", "back at ")
		})
	}
}

// smallWindow has a client take little.
func smallWindow(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) }); cerr != nil {
		return cerr
	}
	return err
}

// TestWhyIsForgotten: what is older than the record of decisions, and a gateway without
// one.
func TestWhyIsForgotten(t *testing.T) {
	q := newInquest(t, "decisions: 8\n")
	var offsets []int64
	for i := range 10 { // of two streams each
		offsets = append(offsets, q.order("alice", body(fmt.Sprint("o-", i))))
	}
	q.want(offsets[5], "user=alice", "forgotten", "It is older than the record of decisions, which begins at ")
	d := q.want(offsets[6], "user=alice", "not_connected", "")
	if d.Capacity != 8 || d.Remembered != 8 {
		t.Errorf("%+v", d)
	}

	off := newInquest(t, "")
	resp, err := http.Get("http://" + off.AdminAddr().String() + "/decisions?user=alice")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusNotFound || !strings.Contains(string(text), "decisions-off") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}
