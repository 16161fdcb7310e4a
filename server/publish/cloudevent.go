package publish

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	ceHeader     = "Ce-" // of HTTP, as net/http writes it
	kafkaPrefix  = "ce_" // of the record's headers (CloudEvents Kafka protocol binding)
	partitionKey = "partitionkey"
	contentType  = "content-type"

	maxAttributeName = 64 // bytes
)

// attributes are a CloudEvent's, without its data.
type attributes map[string]string

// readStructured reads a CloudEvent that is one JSON object.
func readStructured(body []byte) (m Message, err error) {
	if err := strict(body); err != nil {
		return m, err
	}
	all, err := members(body)
	if err != nil {
		return m, err
	}
	if !isNull(all["data_base64"]) {
		return m, &unsupportedError{"The CloudEvent has data in base64: write it as JSON."}
	}
	data := all["data"]
	delete(all, "data")
	delete(all, "data_base64")
	a := attributes{}
	for name, raw := range all {
		text, err := attributeText(raw)
		if err != nil {
			return m, err
		}
		if !isNull(raw) {
			a[name] = text
		}
	}
	kind := cmp.Or(a["datacontenttype"], jsonType)
	if media, _, err := mime.ParseMediaType(kind); err != nil || !isJSONType(media) && !strings.HasPrefix(media, "text/") {
		return m, &unsupportedError{"The CloudEvent's data is neither JSON nor text."}
	}
	if !isNull(data) {
		m.Value = data
	}
	return a.message(m, kind)
}

// attributeText is an attribute's value as text (CloudEvents 1.0, "Type System").
func attributeText(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return text, err
	case '{', '[':
		return "", errors.New("An attribute of the CloudEvent is neither a text, a number nor a truth value.")
	}
	return string(raw), nil
}

// readBinary reads a CloudEvent whose attributes are headers, and whose data is the body.
func readBinary(header http.Header, body []byte) (m Message, err error) {
	a := attributes{}
	for name, lines := range header {
		name, is := strings.CutPrefix(name, ceHeader)
		if !is {
			continue
		}
		if len(lines) > 1 {
			return m, errors.New("A ce- header is there more than once.")
		}
		if a[strings.ToLower(name)], err = url.PathUnescape(lines[0]); err != nil {
			return m, errors.New("A ce- header is not percent-encoded as it has to be.")
		}
	}
	kind := header.Get("Content-Type")
	media, _, _ := mime.ParseMediaType(kind) // FormOf has read it
	switch {
	case len(body) == 0:
	case isJSONType(media):
		if err := strict(body); err != nil {
			return m, err
		}
		if string(body) != "null" {
			m.Value = body
		}
	case !utf8.Valid(body):
		return m, errNotUTF8
	default:
		m.Value = quoted(string(body))
	}
	return a.message(m, kind)
}

// message completes a message: the attributes become the record's headers, as the
// binary mode of Kafka's binding has them, and partitionkey its key.
func (a attributes) message(m Message, kind string) (Message, error) {
	switch {
	case a["specversion"] != "1.0":
		return m, errors.New("The CloudEvent's specversion is not 1.0.")
	case a["id"] == "" || a["source"] == "" || a["type"] == "":
		return m, errors.New("The CloudEvent needs an id, a source and a type.")
	case m.Value == nil:
		return m, errors.New(`The CloudEvent has no data. A tombstone is written as {"key":…,"value":null}.`)
	case len(a) > MaxHeaders:
		return m, fmt.Errorf("There may be %d attributes at most.", MaxHeaders)
	}
	delete(a, "datacontenttype") // it is the record's content-type
	if key, given := a[partitionKey]; given {
		m.Key = quoted(key)
		delete(a, partitionKey)
	}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		switch value := a[name]; {
		case name == "" || len(name) > maxAttributeName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "":
			return m, errors.New("An attribute of the CloudEvent has a name with other characters than a to z and 0 to 9.")
		case len(value) > maxHeaderValue || !utf8.ValidString(value):
			return m, fmt.Errorf("An attribute of the CloudEvent is longer than %d bytes, or not UTF-8.", maxHeaderValue)
		default:
			m.Headers = append(m.Headers, Header{kafkaPrefix + name, value})
		}
	}
	m.Headers = append(m.Headers, Header{contentType, kind})
	return m, nil
}

// quoted is a text in JSON.
func quoted(text string) []byte {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(err) // a text
	}
	return raw
}
