package publish

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"sluice/server/response"
)

// The names that callers know.
const (
	// IdempotencyKey is the request's header, and in small letters the record's.
	IdempotencyKey = "Idempotency-Key"

	jsonType       = "application/json"
	structuredType = "application/cloudevents+json"
)

// Form is how a request says what is published.
type Form uint8

// The forms there are.
const (
	Plain      Form = iota + 1 // {"key":…,"headers":{…},"value":…}
	Structured                 // a CloudEvent that is the body
	Binary                     // a CloudEvent whose data is the body
)

// FormOf reads the form from the header, before there is a body.
func FormOf(r *http.Request) (Form, *response.Problem) {
	types := r.Header.Values("Content-Type")
	encoding := r.Header.Get("Content-Encoding")
	if len(types) != 1 || encoding != "" && !strings.EqualFold(encoding, "identity") {
		return 0, badType("The request needs one Content-Type, and no Content-Encoding.")
	}
	kind, parameters, err := mime.ParseMediaType(types[0])
	if charset := parameters["charset"]; err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return 0, badType("The Content-Type can't be read, or its charset is not UTF-8.")
	}
	binary := len(r.Header.Values(ceHeader+"Specversion")) > 0
	switch {
	case kind == structuredType:
		return Structured, nil
	case binary && (isJSONType(kind) || strings.HasPrefix(kind, "text/")):
		return Binary, nil
	case !binary && kind == jsonType:
		return Plain, nil
	}
	return 0, badType("Write application/json or application/cloudevents+json. With ce- headers the data is JSON or text.")
}

// isJSONType reports whether a media type is JSON's, or of something in JSON.
func isJSONType(kind string) bool {
	return kind == jsonType || kind == "text/json" || strings.HasSuffix(kind, "+json")
}

// Body reads the body of a request: at most so many bytes, within a time.
func Body(w http.ResponseWriter, r *http.Request, most int64, within time.Duration) ([]byte, *response.Problem) {
	if r.ContentLength > most {
		return nil, bodyTooLarge()
	}
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Now().Add(within))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var beyond *http.MaxBytesError
	switch {
	case errors.As(err, &beyond):
		return nil, bodyTooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, response.NewProblem(http.StatusRequestTimeout, "slow-body", "The body came too slowly", "It was not here in time.")
	case err != nil:
		return nil, response.BadRequest("publish", "The body can't be read.")
	}
	control.SetReadDeadline(time.Time{})
	w.Header().Del("Connection") // the next request may use it
	return body, nil
}

// Read makes a message of a request of a form. repeats is its idempotency key; "" is
// none.
func Read(r *http.Request, form Form, body []byte) (m Message, repeats string, refused *response.Problem) {
	repeats, err := readKey(r)
	if err == nil {
		switch form {
		case Plain:
			m, err = readPlain(body)
		case Structured:
			m, err = readStructured(body)
		default:
			m, err = readBinary(r.Header, body)
		}
	}
	var unsupported *unsupportedError
	switch {
	case errors.As(err, &unsupported):
		return m, "", badType(err.Error())
	case err != nil:
		return m, "", response.BadRequest("publish", err.Error())
	}
	if repeats != "" {
		m.Headers = append(m.Headers, Header{strings.ToLower(IdempotencyKey), repeats})
	}
	return m, repeats, nil
}

// maxIdempotencyKey is in bytes.
const maxIdempotencyKey = 255

// readKey reads the header, with quotes around it or without.
func readKey(r *http.Request) (string, error) {
	lines := r.Header.Values(IdempotencyKey)
	if len(lines) == 0 {
		return "", nil
	}
	key := lines[0]
	if n := len(key); n >= 2 && key[0] == '"' && key[n-1] == '"' {
		key = key[1 : n-1]
	}
	if len(lines) > 1 || key == "" || len(key) > maxIdempotencyKey || slices.ContainsFunc([]byte(key), func(c byte) bool { return c <= ' ' || c > '~' }) {
		return "", errors.New("The Idempotency-Key is none: write it once, in 1 to 255 visible characters.")
	}
	return key, nil
}

// unsupportedError says that a message is of a kind that nothing reads.
type unsupportedError struct{ detail string }

func (e *unsupportedError) Error() string { return e.detail }

func badType(detail string) *response.Problem {
	return response.NewProblem(http.StatusUnsupportedMediaType, "media-type", "This can't be published", detail)
}

func bodyTooLarge() *response.Problem {
	return response.NewProblem(http.StatusRequestEntityTooLarge, "too-large", "The body is too large", "It has more bytes than publish.max_bytes.")
}
