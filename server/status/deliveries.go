package status

import "time"

// Deliveries are what hands records to programs. It is declared here, where it is called.
// Its methods are called concurrently and must answer from memory.
type Deliveries interface {
	Deliveries() []Delivery // by name

	// PauseDelivery and ResumeDelivery are an operator's. known is false for a name of none.
	PauseDelivery(name string) (known bool)
	ResumeDelivery(name string) (known bool)
}

// Delivery is how one delivery is, on this gateway.
type Delivery struct {
	Name       string    `json:"name"`
	Topic      string    `json:"topic"`
	Group      string    `json:"group"`
	Target     string    `json:"target"`
	DeadLetter string    `json:"dead_letter,omitempty"`
	State      string    `json:"state"`
	Why        string    `json:"why,omitempty"`
	Since      time.Time `json:"since"`

	Partitions     int        `json:"partitions"`      // this gateway's
	Lag            *int64     `json:"lag"`             // records of them that are not delivered; null while unknown
	InFlight       int        `json:"in_flight"`       // attempts under way
	Held           int        `json:"held"`            // records in memory
	HeldBytes      int64      `json:"held_bytes"`      //
	WaitingKeys    int        `json:"waiting_keys"`    // that wait for their next attempt
	Stuck          int        `json:"stuck"`           // records whose attempts are used up, without dead letters
	FullPartitions int        `json:"full_partitions"` // that are not fetched, since their window is full
	OldestWaiting  *time.Time `json:"oldest_waiting,omitempty"`
	Circuit        string     `json:"circuit"` // closed or open

	Delivered   uint64            `json:"delivered"`
	Failed      map[string]uint64 `json:"failed_attempts"` // by cause
	Dropped     map[string]uint64 `json:"dropped"`         // records that are not for the target, by reason
	DeadLetters map[string]uint64 `json:"dead_letters"`    // by cause
}
