package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// headMax bounds a response's head, in bytes.
const headMax = 16 << 10

// Response reads one HTTP/1.x response as its bytes come in, in whatever
// pieces, and takes the transfer coding off. The zero value is ready.
type Response struct {
	Status  int // 0 until the head has been read
	state   bodyState
	chunked bool
	left    int64  // bytes of the chunk still to come; while its size is read, the size so far
	head    []byte // what has come of an incomplete head
}

type bodyState uint8

const (
	inHead bodyState = iota
	inBody           // close-delimited, or inside a chunk
	inSize
	inExtension
	afterChunk
	inTrailer // the blank line that ends it comes next
	inTrailerLine
	done
)

// What a response can be broken by.
var (
	ErrHead  = errors.New("bench: the response's head is not HTTP/1.x")
	ErrChunk = errors.New("bench: the response's chunked coding is broken")
)

// Next returns the first run of body bytes in p and what of p comes after it.
// Call it until rest is empty; body may be empty meanwhile.
func (r *Response) Next(p []byte) (body, rest []byte, err error) {
	switch r.state {
	case inHead:
		rest, err = r.readHead(p)
		return nil, rest, err
	case inBody:
		if !r.chunked {
			return p, nil, nil
		}
		n := min(int64(len(p)), r.left)
		if r.left -= n; r.left == 0 {
			r.state = afterChunk
		}
		return p[:n], p[n:], nil
	case done:
		return nil, nil, nil // pipelined responses don't happen: each connection asks once
	}
	return nil, p[1:], r.frame(p[0])
}

// frame reads one byte of the chunked coding's own.
func (r *Response) frame(c byte) error {
	switch r.state {
	case inSize:
		digit := hexDigit(c)
		switch {
		case digit >= 0 && r.left < 1<<40:
			r.left = r.left<<4 | int64(digit)
			return nil
		case c == ';' || c == '\r' || c == ' ':
			r.state = inExtension
			return nil
		}
		return ErrChunk
	case inExtension:
		if c == '\n' {
			r.state = inBody
			if r.left == 0 {
				r.state = inTrailer
			}
		}
	case afterChunk:
		if c == '\n' {
			r.state, r.left = inSize, 0
		} else if c != '\r' {
			return ErrChunk
		}
	case inTrailer:
		if c == '\n' {
			r.state = done
		} else if c != '\r' {
			r.state = inTrailerLine
		}
	case inTrailerLine:
		if c == '\n' {
			r.state = inTrailer
		}
	}
	return nil
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func (r *Response) readHead(p []byte) (rest []byte, err error) {
	old := len(r.head)
	r.head = append(r.head, p...)
	end := bytes.Index(r.head[max(0, old-3):], []byte("\r\n\r\n"))
	if end < 0 {
		if len(r.head) > headMax {
			return nil, ErrHead
		}
		return nil, nil
	}
	end += max(0, old-3) + 4
	head := string(r.head[:end])
	r.head = nil
	if err := r.parseHead(head); err != nil {
		return nil, err
	}
	return p[end-old:], nil
}

func (r *Response) parseHead(head string) error {
	line, fields, _ := strings.Cut(head, "\r\n")
	proto, status, _ := strings.Cut(line, " ")
	if !strings.HasPrefix(proto, "HTTP/1.") || len(status) < 3 {
		return ErrHead
	}
	var err error
	if r.Status, err = strconv.Atoi(status[:3]); err != nil {
		return fmt.Errorf("%w: status %q", ErrHead, status[:3])
	}
	for field := range strings.SplitSeq(fields, "\r\n") {
		name, value, _ := strings.Cut(field, ":")
		if strings.EqualFold(name, "Transfer-Encoding") && strings.EqualFold(strings.TrimSpace(value), "chunked") {
			r.chunked = true
		}
	}
	r.state = inBody
	if r.chunked {
		r.state = inSize
	}
	return nil
}

// Ended reports that a chunked body was ended by the server and not cut off.
func (r *Response) Ended() bool { return r.state == done }
