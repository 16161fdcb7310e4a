package wire

import "bytes"

// Events counts the events of one text/event-stream as its bytes come in, in whatever
// pieces. It follows the standard's parsing rules. LF, CR and CRLF end a line. One
// leading byte order mark is skipped. An event without a data line is not dispatched, nor
// is an event cut off by the end of the stream. An id takes effect with the blank line
// after it.
//
// The zero value counts; with keepID it also knows the last event id, and with
// keepData the first bytes of each event's data, so many of them.
type Events struct {
	KeepID   bool
	KeepData int // bytes

	state   lineState
	afterCR bool  // an LF that follows belongs to the line end before it
	bom     uint8 // bytes of a leading byte order mark seen; bomDone after them
	name    [5]byte
	nameLen uint8 // of the line's field name; nameUnknown when it is none of ours

	hasData bool
	hasID   bool  // the event has its own id, and it isn't empty
	idBytes bool  // the id line being read has a value
	idNUL   bool  // with a NUL in it
	reserve uint8 // bytes of reservedPrefix that the event's name has matched; reserveNo once it differs

	idLine []byte // the value of the id line being read
	idNext []byte // the standard's last event id buffer
	lastID []byte // the last event id as of the last blank line
	data   []byte // the first bytes of the event's data, at most keepData
}

type lineState uint8

const (
	inName lineState = iota
	afterColon
	inValue
)

const (
	nameUnknown = 6
	bomDone     = 3
	reserveNo   = 255

	// reservedPrefix begins the names of sluice's own events, which no one
	// published and which are therefore not counted as deliveries.
	ReservedPrefix = "sluice."
)

// Tally is what a piece of stream added.
type Tally struct {
	Events   uint64 // dispatched, and published by someone
	WithID   uint64 // of those, with their own id
	Reserved uint64 // dispatched, the gateway's own
}

// Feed reads the next bytes. For each event that ends in them, dispatched (if
// not nil) is called with the first bytes of its data as many as keepData.
func (e *Events) Feed(p []byte, t *Tally, dispatched func(data []byte)) {
	for len(p) > 0 {
		switch e.state {
		case inName:
			p = e.readName(p, t, dispatched)
		case afterColon:
			e.state = inValue
			e.beginValue()
			if p[0] == ' ' {
				p = p[1:]
			}
		case inValue:
			p = e.readValue(p)
		}
	}
}

func (e *Events) readName(p []byte, t *Tally, dispatched func([]byte)) []byte {
	c := p[0]
	switch {
	case c == '\n' && e.afterCR:
		e.afterCR = false
	case c == '\n' || c == '\r':
		e.afterCR = c == '\r'
		if e.nameLen == 0 {
			e.dispatch(t, dispatched)
			return p[1:]
		}
		e.beginValue() // a name alone is a field with an empty value
		e.endLine()
	case c == ':':
		e.afterCR = false
		e.state = afterColon
		if e.nameLen == 0 {
			e.nameLen = nameUnknown // a comment
		}
	default:
		e.afterCR = false
		if e.skipBOM(c) {
			return p[1:]
		}
		if int(e.nameLen) < len(e.name) {
			e.name[e.nameLen] = c
			e.nameLen++
		} else {
			e.nameLen = nameUnknown
		}
	}
	e.bom = bomDone
	return p[1:]
}

// skipBOM reports whether c belongs to a byte order mark at the very start. A
// mark that turns out to be none began a field name, and an unknown one.
func (e *Events) skipBOM(c byte) bool {
	const mark = "\xEF\xBB\xBF"
	if e.bom < bomDone && mark[e.bom] == c {
		e.bom++
		return true
	}
	if e.bom > 0 && e.bom < bomDone {
		e.nameLen = nameUnknown
	}
	return false
}

func (e *Events) readValue(p []byte) []byte {
	end := bytes.IndexByte(p, '\n')
	line := p
	if end >= 0 {
		line = p[:end]
	}
	if cr := bytes.IndexByte(line, '\r'); cr >= 0 {
		end = cr
	}
	if end < 0 {
		e.value(p)
		return nil
	}
	e.value(p[:end])
	e.afterCR = p[end] == '\r'
	e.endLine()
	return p[end+1:]
}

func (e *Events) field() string { return string(e.name[:min(int(e.nameLen), len(e.name))]) }

func (e *Events) beginValue() {
	switch {
	case e.nameLen == nameUnknown:
	case e.field() == "event":
		e.reserve = 0
	case e.field() == "id":
		e.idLine, e.idBytes, e.idNUL = e.idLine[:0], false, false
	case e.field() == "data":
		if len(e.data) < e.KeepData && e.hasData {
			e.data = append(e.data, '\n')
		}
	}
}

func (e *Events) value(v []byte) {
	if e.nameLen == nameUnknown || len(v) == 0 {
		return
	}
	switch string(e.name[:e.nameLen]) {
	case "data":
		if len(e.data) < e.KeepData {
			e.data = append(e.data, v[:min(len(v), e.KeepData-len(e.data))]...)
		}
	case "id":
		e.idBytes = true
		e.idNUL = e.idNUL || bytes.IndexByte(v, 0) >= 0
		if e.KeepID {
			e.idLine = append(e.idLine, v...)
		}
	case "event":
		for _, c := range v {
			if e.reserve >= uint8(len(ReservedPrefix)) { // decided, one way or the other
				break
			}
			if ReservedPrefix[e.reserve] != c {
				e.reserve = reserveNo
				break
			}
			e.reserve++
		}
	}
}

func (e *Events) endLine() {
	if e.nameLen != nameUnknown {
		switch string(e.name[:e.nameLen]) {
		case "data":
			e.hasData = true
		case "id":
			if e.idNUL { // the standard ignores such an id
				break
			}
			e.hasID = e.idBytes
			if e.KeepID {
				e.idLine, e.idNext = e.idNext[:0], e.idLine
			}
		}
	}
	e.nameLen = 0
	e.state = inName
}

func (e *Events) dispatch(t *Tally, dispatched func([]byte)) {
	e.bom = bomDone
	if e.KeepID {
		e.lastID = append(e.lastID[:0], e.idNext...)
	}
	if e.hasData {
		if e.reserve == uint8(len(ReservedPrefix)) {
			t.Reserved++
		} else {
			t.Events++
			if e.hasID {
				t.WithID++
			}
			if dispatched != nil {
				dispatched(e.data)
			}
		}
	}
	e.hasData, e.hasID = false, false
	e.reserve = 0
	e.data = e.data[:0]
}

// Last is the last event id, with keepID.
func (e *Events) Last() []byte { return e.lastID }

// Restart begins a new connection: the last event id stays, as an EventSource's
// does, and everything half read goes.
func (e *Events) Restart() {
	*e = Events{
		KeepID: e.KeepID, KeepData: e.KeepData,
		idLine: e.idLine[:0], idNext: append(e.idNext[:0], e.lastID...), lastID: e.lastID, data: e.data[:0],
	}
}
