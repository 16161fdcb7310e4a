//go:build linux

package peers

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sys/unix"

	"sluice/cmd/sluice-bench/internal/load"
)

// The floors stand in the table so that a mode can have them take their turn
// like any other server.
var (
	floorPeer = Peer{
		Name: Floor, About: "bare write(2) loop over the connections",
		Start: func(ctx context.Context, env Env, _ Shape) (*Target, error) {
			return startPublished(ctx, env, Floor, "floor")
		},
	}
	kafkaFloorPeer = Peer{
		Name: KafkaFloor, About: "bare franz-go poll loop, and a bare write(2) to whom a record is for",
		Kafka: true, only: []Audience{Private},
		Start: func(ctx context.Context, env Env, sh Shape) (*Target, error) {
			return startPublished(ctx, env, KafkaFloor, "floor", "--kafka", strings.Join(env.Brokers, ","), "--topic", sh.Topics[Private])
		},
	}
)

// A floor is the least that any server could do on this machine. It writes the answer's
// head, and then for each event one write(2) to each of its connections, in a loop over
// raw descriptors. It has no heartbeats, no ids to resume at, no second event in a write.
// Events come by POST or from Kafka by a bare poll loop; what a server costs more than
// this is its own.
type floorServer struct {
	wait sync.WaitGroup // of connections being read

	mu    sync.Mutex // guards the rest; held through a round of writes
	fds   map[string][]int
	all   []int
	frame []byte
	seq   int
}

// runFloor is the floor's process. It ends with ctx.
func runFloor(ctx context.Context, args []string) error {
	fl := flag.NewFlagSet("floor", flag.ContinueOnError)
	listen := fl.String("listen", "127.0.0.1:0", "address")
	brokers := fl.String("kafka", "", "read the topic from these brokers")
	topic := fl.String("topic", "", "topic")
	if err := fl.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	f := &floorServer{fds: map[string][]int{}}
	f.wait.Go(func() {
		<-ctx.Done()
		_ = l.Close()
	})
	if *brokers != "" {
		cl, err := load.PollClient(*brokers, *topic)
		if err != nil {
			return err
		}
		defer cl.Close()
		f.wait.Go(func() { f.poll(ctx, cl) })
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			f.wait.Wait()
			return nil
		}
		f.wait.Go(func() { f.serve(ctx, conn) })
	}
}

func (f *floorServer) poll(ctx context.Context, cl *kgo.Client) {
	for ctx.Err() == nil {
		fetches := cl.PollFetches(ctx)
		fetches.EachRecord(func(r *kgo.Record) { f.write(string(r.Key), r.Value) })
	}
}

// serve takes a stream's connection over, or takes publications from one.
func (f *floorServer) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		user := req.URL.Query().Get("user")
		if req.Method == http.MethodGet {
			_ = f.hold(conn.(*net.TCPConn), user)
			return
		}
		data, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		f.write(user, data)
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

func (f *floorServer) hold(conn *net.TCPConn, user string) error {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		return err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	fd, dupErr := -1, error(nil)
	if err := raw.Control(func(p uintptr) { fd, dupErr = unix.FcntlInt(p, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return err
	}
	if dupErr != nil {
		return dupErr
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fds[user] = append(f.fds[user], fd)
	f.all = append(f.all, fd)
	return nil
}

// write is the loop that this is about.
func (f *floorServer) write(user string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fds := f.fds[user]
	if user == load.Everyone {
		fds = f.all
	}
	if len(fds) == 0 {
		return
	}
	f.seq++
	body := len("id: \ndata: \n\n") + len(strconv.Itoa(f.seq)) + len(data)
	f.frame = fmt.Appendf(f.frame[:0], "%x\r\nid: %d\ndata: %s\n\n\r\n", body, f.seq, data)
	for _, fd := range fds {
		writeAll(fd, f.frame)
	}
}

// writeAll writes p, waiting where the socket is full. A connection that is gone
// stays in the table: the floor serves one run and its clients don't leave.
func writeAll(fd int, p []byte) {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		switch {
		case errors.Is(err, unix.EAGAIN):
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return
		default:
			p = p[n:]
		}
	}
}
