package doctor

// verdict is what a finding comes to.
type verdict string

const (
	ok      verdict = "ok"
	fault   verdict = "fault"
	unknown verdict = "unknown" // couldn't be told, or wasn't asked for
)

// The checks, as findings name them.
const (
	checkReach       = "reach"
	checkBytes       = "bytes"
	checkCompression = "compression"
	checkHTTP        = "http"
	checkRequest     = "request"  // headers on the way there
	checkResponse    = "response" // headers on the way back
	checkResume      = "resume"
	checkCORS        = "cors"
	checkIdle        = "idle"
	checkAtDowntime  = "away"
	checkWorker      = "worker" // a service worker of the page
)

// finding is one thing that was looked at.
type finding struct {
	Check   string  `json:"check"`
	Verdict verdict `json:"verdict"`
	Seen    string  `json:"seen"`
	Cure    []cure  `json:"cure,omitempty"`

	problem problem // what Cure is for; "": nothing to change
}

// report is all that was found.
type report struct {
	URL         string    `json:"url"`     // without its query, which may hold a ticket
	Proxies     []string  `json:"proxies"` // that show
	Findings    []finding `json:"findings"`
	Faults      int       `json:"faults"`
	Interrupted bool      `json:"interrupted,omitempty"` // not all was looked at
}
