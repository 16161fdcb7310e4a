package check

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sample is the record that --record describes, and the stream it is tried on ("" for each).
type sample struct {
	record *kgo.Record
	stream string
}

// parseSample reads key=TEXT, value=TEXT, header=NAME=TEXT and stream=NAME. A text of @FILE is what the file
// holds. No value, or value= alone, makes a tombstone; no key, a record without one.
func parseSample(words []string) (sample, error) {
	s := sample{record: &kgo.Record{Timestamp: time.Now()}}
	for _, word := range words {
		kind, text, ok := strings.Cut(word, "=")
		if !ok {
			return sample{}, fmt.Errorf("%q is no part of a record: write key=…, value=…, header=NAME=… or stream=NAME", word)
		}
		var err error
		switch kind {
		case "key":
			s.record.Key, err = content(text)
		case "value":
			s.record.Value, err = content(text)
		case "header":
			name, text, ok := strings.Cut(text, "=")
			if !ok || name == "" {
				return sample{}, fmt.Errorf("%q: write header=NAME=VALUE", word)
			}
			h := kgo.RecordHeader{Key: name}
			h.Value, err = content(text)
			s.record.Headers = append(s.record.Headers, h)
		case "stream":
			s.stream = text
		default:
			return sample{}, fmt.Errorf("a record has no %q: write key=…, value=…, header=NAME=… or stream=NAME", kind)
		}
		if err != nil {
			return sample{}, fmt.Errorf("%s: %w", kind, err)
		}
	}
	return s, nil
}

// content returns nil for no text, which is Kafka's null.
func content(text string) ([]byte, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok {
		return os.ReadFile(name)
	}
	if text == "" {
		return nil, nil
	}
	return []byte(text), nil
}
