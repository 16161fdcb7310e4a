package demo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// The topics of the demo.
const (
	orderTopic        = "order-topic"
	announcementTopic = "announcement-topic"
)

var (
	users = []string{"alice", "bob", "carol"}
	names = []string{"Corner Books", "Blue Door Bakery", "Velo & Sons", "The Tea House", "Lamp and Shade"}
	news  = []string{
		"Free delivery in the old town until Sunday.",
		"The Blue Door Bakery has fresh rye bread again.",
		"Velo & Sons checks your brakes for free this week.",
		"The Tea House: first flush has arrived.",
		"Late opening at Corner Books on Thursday.",
	}
)

// Bounds of what chance decides.
const (
	minConfirm   = 1 * time.Second // from an order to its confirmation
	maxConfirm   = 6 * time.Second
	firstNews    = 3 * time.Second
	betweenNews  = 20 * time.Second
	minCents     = 300
	maxCents     = 12_000
	currencyCode = "EUR"
)

// order is what the shops write about one: once when it is placed, and once more when it
// is confirmed.
type order struct {
	ID       string      `json:"orderId"`
	Type     string      `json:"type"` // "order." and the status
	Status   string      `json:"status"`
	Update   int         `json:"update"` // the customer's first is 1, and the next one more
	Customer string      `json:"customer"`
	Shop     string      `json:"shop"`
	Total    json.Number `json:"total"` // two decimals
	Currency string      `json:"currency"`
}

// announcement is what the shops tell everybody.
type announcement struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// shopEvent is one record, and when to write it.
type shopEvent struct {
	at         time.Duration // since the shops opened
	topic      string
	key, value []byte
}

// shops make up what happens in them. They know no clock and no Kafka: the same seed
// tells the same story, and the caller that plays it out waits between the parts.
type shops struct {
	rng   *rand.Rand
	every time.Duration  // between two orders
	last  int            // number of the newest order
	news  int            // announcements so far
	told  map[string]int // updates of each customer so far
	plan  []planned      // ascending; never empty
}

// planned is what is to happen next, and puts what follows from it on the plan.
type planned struct {
	at     time.Duration
	happen func(at time.Duration) shopEvent
}

// openShops opens shops that take so many orders a second, above 0.
func openShops(rate float64, seed uint64) *shops {
	s := &shops{
		rng:   rand.New(rand.NewPCG(seed, 0)),
		every: time.Duration(float64(time.Second) / rate),
		told:  make(map[string]int),
	}
	s.schedule(0, s.place)
	s.schedule(firstNews, s.announce)
	return s
}

// visit is a customer who comes and orders.
type visit struct {
	customer string
	orders   int
}

// visit puts the orders of a customer on the plan. Many are confirmed at once.
func (s *shops) visit(at time.Duration, v visit) {
	for range v.orders {
		s.schedule(at, func(at time.Duration) shopEvent {
			if v.orders > 1 {
				return s.order(at, v.customer, 0)
			}
			return s.order(at, v.customer, s.handling())
		})
	}
}

// due is when the next thing happens.
func (s *shops) due() time.Duration { return s.plan[0].at }

// next is what happens next. There is always something.
func (s *shops) next() shopEvent {
	first := s.plan[0]
	s.plan = slices.Delete(s.plan, 0, 1)
	return first.happen(first.at)
}

func (s *shops) schedule(at time.Duration, happen func(time.Duration) shopEvent) {
	i, _ := slices.BinarySearchFunc(s.plan, at, func(p planned, at time.Duration) int {
		if p.at == at {
			return -1 // after what was planned for that moment before
		}
		return cmp.Compare(p.at, at)
	})
	s.plan = slices.Insert(s.plan, i, planned{at, happen})
}

// place has a customer place an order, after which the next will come.
func (s *shops) place(at time.Duration) shopEvent {
	s.schedule(at+s.every, s.place)
	return s.order(at, users[s.rng.IntN(len(users))], s.handling())
}

// handling is how long a shop takes to confirm an order.
func (s *shops) handling() time.Duration {
	return minConfirm + time.Duration(s.rng.Int64N(int64(maxConfirm-minConfirm)))
}

// order makes an order up, which will be confirmed.
func (s *shops) order(at time.Duration, customer string, handling time.Duration) shopEvent {
	s.last++
	cents := minCents + s.rng.IntN(maxCents-minCents)
	o := order{
		ID:       fmt.Sprintf("o-%d", s.last),
		Customer: customer,
		Shop:     names[s.rng.IntN(len(names))],
		Total:    json.Number(fmt.Sprintf("%d.%02d", cents/100, cents%100)),
		Currency: currencyCode,
	}
	s.schedule(at+handling, func(at time.Duration) shopEvent { return s.update(o, at, "confirmed") })
	return s.update(o, at, "placed")
}

func (s *shops) announce(at time.Duration) shopEvent {
	text := news[s.news%len(news)]
	s.news++
	s.schedule(at+betweenNews, s.announce)
	return shopEvent{at: at, topic: announcementTopic, value: encode(announcement{"announcement", text})}
}

// update is the record that says what has become of an order. Its key is the customer:
// all of a user's orders are in one partition, in the order they were written. So a page
// sees by the updates' numbers whether it missed one.
func (s *shops) update(o order, at time.Duration, status string) shopEvent {
	s.told[o.Customer]++
	o.Type, o.Status, o.Update = "order."+status, status, s.told[o.Customer]
	return shopEvent{at: at, topic: orderTopic, key: []byte(o.Customer), value: encode(o)}
}

func encode(v any) []byte {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // "Velo & Sons", for those who look with curl
	if err := enc.Encode(v); err != nil {
		panic(err) // strings, and numbers made here
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}
