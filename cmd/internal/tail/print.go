package tail

import (
	"encoding/json"
	"io"
	"strings"
	"time"

	"sluice/cmd/internal/reach"
)

// event is one event as a browser would see it.
type event struct {
	ID   string
	Name string // "message" when it has none
	Data string
}

// own says whether the event is one of the gateway's own and not of a stream.
func (e event) own() bool { return strings.HasPrefix(e.Name, "sluice.") }

// line is an event as one JSON object. A payload that isn't JSON is text, as in a poll's
// answer.
type line struct {
	Time  string          `json:"time"` // when it came, RFC 3339
	ID    string          `json:"id,omitempty"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data,omitempty"`
	Text  *string         `json:"text,omitempty"`
}

func (e event) line(now time.Time) line {
	l := line{Time: now.UTC().Format("2006-01-02T15:04:05.000Z07:00"), ID: e.ID, Event: e.Name}
	if json.Valid([]byte(e.Data)) {
		l.Data = json.RawMessage(e.Data)
	} else {
		l.Text = &e.Data
	}
	return l
}

// printer writes events to the terminal, or to the next program.
type printer struct {
	out    io.Writer
	json   bool
	quiet  bool // leaves the gateway's own events out
	colour bool
	now    func() time.Time
}

const (
	dim    = "\x1b[2m"
	cyan   = "\x1b[36m"
	normal = "\x1b[0m"
)

// print writes one event in one Write, so that a reader of a pipe never meets half of
// one.
func (p *printer) print(e event) error {
	if p.quiet && e.own() {
		return nil
	}
	var text strings.Builder
	if p.json {
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(e.line(p.now())); err != nil {
			return err
		}
		_, err := p.out.Write(reach.PrintableJSON([]byte(text.String())))
		return err
	}
	p.readable(&text, e)
	_, err := io.WriteString(p.out, text.String())
	return err
}

// readable writes
//
//	15:04:05.000  order.confirmed  {"orderId":"o-77"}
//
// with further lines of data under the first.
func (p *printer) readable(text *strings.Builder, e event) {
	const clock = "15:04:05.000"
	stamp, name := p.now().Format(clock), reach.Printable(e.Name)
	data := strings.ReplaceAll(reach.Printable(e.Data), "\n", "\n"+strings.Repeat(" ", len(clock)+2))
	paint := func(colour, s string) {
		if p.colour {
			s = colour + s + normal
		}
		text.WriteString(s)
	}
	if e.own() {
		paint(dim, stamp+"  "+name+"  "+data)
	} else {
		paint(dim, stamp)
		text.WriteString("  ")
		paint(cyan, name)
		text.WriteString("  " + data)
	}
	text.WriteByte('\n')
}
