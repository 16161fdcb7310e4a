// Package deliver hands a topic's records to programs: at least once, in the order of
// each key. A record is done when its target has taken it, or a topic of dead letters
// has it. What is done is committed for a consumer group, so that gateways share the
// work and go on where another one ended.
//
// A record goes through these steps:
//  1. consume.go polls Kafka as a member of the group. begin.go has looked before whether
//     the group's offsets are good.
//  2. message.go decodes the record and applies the filter of the delivery.
//  3. engine.go puts it into its key's lane (window.go) and begins attempts. attempt.go
//     judges them. retry.go says when to try again, circuit.go whether the target is
//     down.
//  4. dead_letter.go writes what is given up to a topic.
//  5. commit.go commits up to the oldest record that is not done.
//
// topics.go says which topics there are. rebalance.go gives partitions up, which another
// gateway gets. target.go has what a target is. network.go and http_status.go say what
// errors and statuses mean for it. kafka_target.go is a topic as one. The other targets
// are packages: webhook is HTTP, eventbridge and lambda are AWS's. awsauth and googleauth
// show a cloud who calls, and cloudtest is for tests.
//
// deliver.go begins and ends a delivery, status.go says how it is, and events.go logs.
// letters.go reads dead letters, and redrive.go sends them again.
package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/time/rate"

	"sluice/broker"
)

// Config is a delivery.
type Config struct {
	Name   string
	Source Source
	Group  string // of consumers; "": sluice-NAME
	From   Start  // where the group begins that has no offsets

	Target  Target // where records go; nil: ToTopic
	ToTopic string // a Kafka topic as the target

	Window      Window
	Concurrency int // attempts at a time
	Rate        int // records that are tried within Per; 0: any
	Per         time.Duration
	Retry       Retry
	DeadLetter  string // topic; "": what can't be delivered stays
}

// groupName is the name of the group.
func (c Config) groupName() string { return cmp.Or(c.Group, "sluice-"+c.Name) }

// Delivery is one delivery of this gateway. Its methods may be called concurrently, Run
// once.
type Delivery struct {
	config  Config
	kafka   broker.Config
	log     *slog.Logger
	decoder *decoder
	engine  *engine
	target  Target
	client  *kgo.Client   // asks and produces; is no member of the group
	admin   *kadm.Client  // of client
	waited  bool          // there was no topic when begin looked; begin's own
	kick    chan struct{} // one slot: look at once whether a stopped delivery can go on

	mu     sync.Mutex  // guards what follows
	member *kgo.Client // of the group; nil: none
	state  State
	topics topicSet              // those of the session, or of the last one
	ends   map[partitionID]int64 // where partitions end, as was last heard

	committing sync.Mutex // held while offsets are committed
}

// State is what a delivery is at.
type State struct {
	Word  string // one of the State… words
	Why   string
	Since time.Time
}

// The words of State.
const (
	StateStarting = "starting"
	StateRunning  = "running"
	StatePaused   = "paused"  // by an operator or the target
	StateStopped  = "stopped" // an operator has to say where it goes on
	StateWaiting  = "waiting" // for Kafka
)

// New makes a delivery. Nothing is asked of Kafka before Run. Its errors begin with the
// key at fault.
func New(kafka broker.Config, c Config, log *slog.Logger) (*Delivery, error) {
	log = log.With("delivery", c.Name)
	d := &Delivery{config: c, kafka: kafka, log: log, kick: make(chan struct{}, 1), ends: make(map[partitionID]int64)}
	var err error
	if d.decoder, err = newDecoder(c.Source, c.DeadLetter != ""); err != nil {
		return nil, fmt.Errorf("deliveries.%s.%w", c.Name, err)
	}
	d.client, err = broker.NewClient(kafka, "deliver_"+c.Name, log,
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.UnknownTopicRetries(1), kgo.RecordDeliveryTimeout(produceTimeout), kgo.ProducerBatchMaxBytes(maxProduced))
	if err != nil {
		return nil, err
	}
	d.admin = kadm.NewClient(d.client)
	switch d.target = c.Target; {
	case c.Source.Poison:
		d.target = noTarget{}
	case d.target == nil:
		d.target = &topicTarget{d.client, c.ToTopic}
	}
	d.engine = newEngine(d.settings())
	d.setState(StateStarting, "")
	return d, nil
}

const (
	// produceTimeout bounds the writing of one record. It is tried again.
	produceTimeout = 30 * time.Second

	// maxProduced is what one batch may have before it is compressed: a record that came
	// from Kafka has to fit. The topic's max.message.bytes decides. Dead letters are read
	// again with the same bound.
	maxProduced = 64 << 20
)

func (d *Delivery) settings() settings {
	c := d.config
	s := settings{
		window: c.Window, retry: c.Retry, concurrency: c.Concurrency,
		prepare: d.decoder.message, fetch: d.fetch, say: newTalker(d.log).say,
	}
	s.send, s.batch = sender(d.target)
	if c.Rate > 0 {
		perSecond := float64(c.Rate) / c.Per.Seconds()
		s.limit, s.burst = rate.Limit(perSecond), max(1, int(perSecond/100))
	}
	if c.DeadLetter != "" {
		s.bury = func(ctx context.Context, b *burial) error {
			return writeLetter(ctx, d.client, b.letter(c.DeadLetter, c.Name, c.groupName()))
		}
	}
	return s
}

// fetch has a partition be fetched, or not for a while. It is called with the engine's
// lock.
func (d *Delivery) fetch(id partitionID, more bool) {
	d.mu.Lock()
	member := d.member
	d.mu.Unlock()
	if member == nil {
		return
	}
	one := map[string][]int32{id.topic: {id.num}}
	if more {
		member.ResumeFetchPartitions(one)
	} else {
		member.PauseFetchPartitions(one)
	}
}

// recheck is the time after which a delivery that could not go on looks again.
const recheck = 5 * time.Second

// Run delivers until ctx ends. Attempts under way then have a while to end. It has no
// error: what is wrong is logged, and said by Status, and tried again.
func (d *Delivery) Run(ctx context.Context) {
	attempts, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { d.engine.run(attempts) })
	defer running.Wait()
	defer stop()
	for ctx.Err() == nil {
		err := d.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errTopics) {
			d.log.Info("the delivery begins anew with the topics that there are now")
			continue
		}
		d.failed(err)
		select {
		case <-ctx.Done():
		case <-d.kick:
		case <-time.After(recheck):
		}
	}
}

// failed notes why a session ended.
func (d *Delivery) failed(err error) {
	var lost *LostError
	if errors.As(err, &lost) {
		if d.setState(StateStopped, lost.Error()) {
			d.log.Error("the delivery has stopped", "why", lost.Error())
		}
		return
	}
	why := plainText(err)
	if d.setState(StateWaiting, why) {
		d.log.Warn("the delivery waits for Kafka", "why", why)
	}
}

// aboutError is an error of Kafka, in plain words, with what it is about.
type aboutError struct {
	what  string
	cause error
}

func about(what string, cause error) error { return &aboutError{what, cause} }

func (e *aboutError) Error() string { return e.what + ": " + broker.ErrorText(e.cause) }
func (e *aboutError) Unwrap() error { return e.cause }

// plainText says in plain words what is wrong, and with what.
func plainText(err error) string {
	if known := (*aboutError)(nil); errors.As(err, &known) {
		return known.Error()
	}
	return broker.ErrorText(err)
}

// setState reports whether that is news.
func (d *Delivery) setState(word, why string) (news bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.Word == word && d.state.Why == why {
		return false
	}
	d.state = State{Word: word, Why: why, Since: time.Now()}
	return true
}

// CutOff has Run end without waiting for attempts under way, once its context has ended.
func (d *Delivery) CutOff() { d.engine.cutOff() }

// Close closes what New has opened. Run has to have ended.
func (d *Delivery) Close() { d.client.Close() }

// Name is the delivery's.
func (d *Delivery) Name() string { return d.config.Name }

// Pause has nothing be sent by this gateway, until Resume.
func (d *Delivery) Pause(why string) { d.engine.pause(why) }

// Resume goes on after a pause. A delivery that has stopped looks whether it can. It
// reports whether it was paused.
func (d *Delivery) Resume() (was bool) {
	select {
	case d.kick <- struct{}{}:
	default:
	}
	return d.engine.resume()
}
