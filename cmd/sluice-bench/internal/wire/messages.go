package wire

import "encoding/binary"

// Messages counts the messages of one WebSocket as its bytes come in, in whatever pieces.
// It knows sluice's messages: {"id":"…","stream":…} is an event, and one that says
// "event" where that says "stream" is the gateway's own. Frames of a server are not
// masked. The zero value is ready.
type Messages struct {
	head   [10]byte // of the frame under way, as far as it has come
	headed uint8
	left   uint64 // bytes of its payload still to come

	quotes uint8 // seen in the message, at most 6
	first  byte  // of its first key
	second byte  // of its second key
	after  bool  // the byte before was a quote
}

// Feed reads the next bytes.
func (m *Messages) Feed(p []byte, t *Tally) {
	for len(p) > 0 {
		need := 2
		if m.headed >= 2 {
			need = headLength(m.head[1])
		}
		if int(m.headed) < need {
			m.head[m.headed] = p[0]
			m.headed++
			if p = p[1:]; m.headed < 2 || int(m.headed) < headLength(m.head[1]) {
				continue
			}
			m.left = payloadLength(m.head)
			m.quotes, m.first, m.second, m.after = 0, 0, 0, false
		}
		n := min(uint64(len(p)), m.left)
		m.look(p[:n])
		p = p[n:]
		if m.left -= n; m.left == 0 {
			m.count(t)
			m.headed = 0
		}
	}
}

func headLength(second byte) int {
	switch second & 0x7F {
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}

func payloadLength(head [10]byte) uint64 {
	switch n := head[1] & 0x7F; n {
	case 126:
		return uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		return binary.BigEndian.Uint64(head[2:])
	default:
		return uint64(n)
	}
}

// look finds the keys. No id has a quote or an escape.
func (m *Messages) look(p []byte) {
	for _, c := range p {
		if m.quotes == 6 {
			return
		}
		if m.after && m.quotes == 1 {
			m.first = c
		}
		if m.after && m.quotes == 5 {
			m.second = c
		}
		if m.after = c == '"'; m.after {
			m.quotes++
		}
	}
}

// count counts the message that has ended, if it is a text with keys.
func (m *Messages) count(t *Tally) {
	if m.head[0]&0x0F != 1 {
		return
	}
	says := m.first
	if m.first == 'i' {
		says = m.second
	}
	switch {
	case says == 'e':
		t.Reserved++
	case says == 's' && m.first == 'i':
		t.Events++
		t.WithID++
	case says == 's':
		t.Events++
	}
}
