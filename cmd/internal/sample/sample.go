// Package sample reads a record that is written on a command line: key=alice
// value=@order.json.
package sample

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Sample is a record, and the stream that it is for ("" says none).
type Sample struct {
	Record *kgo.Record
	Stream string
}

// Parse reads key=TEXT, value=TEXT, header=NAME=TEXT and stream=NAME. A text of @FILE is
// what the file holds, one of @- what stdin brings. No value, or value= alone, makes a
// tombstone; no key, a record without one.
func Parse(words []string) (Sample, error) {
	s := Sample{Record: &kgo.Record{Timestamp: time.Now()}}
	for _, word := range words {
		kind, text, ok := strings.Cut(word, "=")
		if !ok {
			return Sample{}, fmt.Errorf("%q is no part of a record: write key=…, value=…, header=NAME=… or stream=NAME", word)
		}
		var err error
		switch kind {
		case "key":
			s.Record.Key, err = content(text)
		case "value":
			s.Record.Value, err = content(text)
		case "header":
			name, text, ok := strings.Cut(text, "=")
			if !ok || name == "" {
				return Sample{}, fmt.Errorf("%q: write header=NAME=VALUE", word)
			}
			h := kgo.RecordHeader{Key: name}
			h.Value, err = content(text)
			s.Record.Headers = append(s.Record.Headers, h)
		case "stream":
			s.Stream = text
		default:
			return Sample{}, fmt.Errorf("a record has no %q: write key=…, value=…, header=NAME=… or stream=NAME", kind)
		}
		if err != nil {
			return Sample{}, fmt.Errorf("%s: %w", kind, err)
		}
	}
	return s, nil
}

// content returns nil for no text, which is Kafka's null.
func content(text string) ([]byte, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok {
		if name == "-" {
			return io.ReadAll(os.Stdin)
		}
		return os.ReadFile(name)
	}
	if text == "" {
		return nil, nil
	}
	return []byte(text), nil
}
