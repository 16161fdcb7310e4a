// Package delivering runs deliveries: in a gateway, and alone as `sluice deliver`.
// `sluice redrive` sends dead letters again.
//
// set.go has all deliveries of a configuration. command.go is `sluice deliver`, alone.go
// what it runs, and redrive.go `sluice redrive`.
package delivering

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"sluice/broker"
	"sluice/broker/deliver"
	"sluice/broker/schema"
	"sluice/cmd/internal/config"
	"sluice/server/response"
	"sluice/server/status"
)

// Set is all deliveries of a configuration. It implements [status.Deliveries].
type Set struct {
	all          []*deliver.Delivery
	closeTargets func()
}

// New makes the deliveries. Nothing is asked of Kafka yet.
func New(c *config.Config, kafka broker.Config, r *schema.Registry, log *slog.Logger) (*Set, error) {
	configs, closeTargets, err := c.Delivering(r, log)
	if err != nil {
		return nil, err
	}
	s := &Set{closeTargets: closeTargets}
	for _, one := range configs {
		d, err := deliver.New(kafka, one, log)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.all = append(s.all, d)
	}
	return s, nil
}

// Run delivers until ctx ends, and what is under way has had its time.
func (s *Set) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, d := range s.all {
		running.Go(func() { d.Run(ctx) })
	}
	running.Wait()
}

// CutOff has Run end at once, after its context.
func (s *Set) CutOff() {
	for _, d := range s.all {
		d.CutOff()
	}
}

// Close closes what New has opened. Run has to have ended.
func (s *Set) Close() {
	for _, d := range s.all {
		d.Close()
	}
	s.closeTargets()
}

func (s *Set) named(name string) *deliver.Delivery {
	i := slices.IndexFunc(s.all, func(d *deliver.Delivery) bool { return d.Name() == name })
	if i < 0 {
		return nil
	}
	return s.all[i]
}

// PauseDelivery implements [status.Deliveries].
func (s *Set) PauseDelivery(name string) (known bool) {
	d := s.named(name)
	if d != nil {
		d.Pause("an operator paused it")
	}
	return d != nil
}

// ResumeDelivery implements [status.Deliveries].
func (s *Set) ResumeDelivery(name string) (known bool) {
	d := s.named(name)
	if d != nil {
		d.Resume()
	}
	return d != nil
}

// Deliveries implements [status.Deliveries].
func (s *Set) Deliveries() []status.Delivery {
	all := make([]status.Delivery, len(s.all))
	for i, d := range s.all {
		all[i] = shown(d.Status())
	}
	return all
}

func shown(s deliver.Status) status.Delivery {
	d := status.Delivery{
		Name: s.Name, Topic: s.Topic, Group: s.Group, Target: s.Target, DeadLetter: s.DeadLetter,
		State: s.State.Word, Why: s.State.Why, Since: *response.UTC(s.State.Since),
		Partitions: s.Partitions, InFlight: s.InFlight, Held: s.Held, HeldBytes: s.HeldBytes, WaitingKeys: s.Waiting,
		Stuck: s.Stuck, FullPartitions: s.Full, OldestWaiting: response.UTCOrNil(s.Oldest), Circuit: s.Circuit,
		Delivered: s.Delivered, Failed: s.Attempts, Dropped: s.Dropped, DeadLetters: s.Dead,
	}
	if s.Lag >= 0 {
		d.Lag = &s.Lag
	}
	return d
}
