package record

import (
	"encoding/json"
	"strings"
)

// deletion is the data of a tombstone's event: its subject and key as JSON strings.
// Each is null if there is none. Bytes that are not UTF-8 become U+FFFD. reason says
// why it is gone for who had it; "": it was deleted.
func deletion(subject, key []byte, reason string) []byte {
	data := struct {
		Subject *string `json:"subject"`
		Key     *string `json:"key"`
		Reason  string  `json:"reason,omitempty"`
	}{Reason: reason}
	if subject != nil {
		data.Subject = new(strings.ToValidUTF8(string(subject), "\ufffd"))
	}
	if key != nil {
		data.Key = new(strings.ToValidUTF8(string(key), "\ufffd"))
	}
	text, _ := json.Marshal(data) // strings can't fail
	return text
}
