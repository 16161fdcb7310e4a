package sse

import "testing"

func TestCut(t *testing.T) {
	for _, tt := range []struct{ id, name, data, want string }{
		{"orders@e:1", "order.confirmed", `{"a":1}`, `{"a":1}`},
		{"", "", "", ""},
		{"", "", " leading: colon", " leading: colon"},
		{"x", "", "one\ntwo\r\nthree\n", "one\ntwo\nthree\n"},
		{"x", "n", "id: forged\nevent: forged\n\n", "id: forged\nevent: forged\n\n"},
		{"", "", "\xff", "\uFFFD"},
	} {
		b := AppendEvent(nil, tt.id, tt.name, []byte(tt.data))
		before := string(b)
		id, name, data, rest, ok := Cut(append(b, "id: next\n"...))
		if !ok || string(id) != tt.id || string(name) != tt.name || string(data) != tt.want || string(rest) != "id: next\n" || string(b) != before {
			t.Errorf("%q: %q %q %q, rest %q, %v", before, id, name, data, rest, ok)
		}
	}
	if _, _, _, _, ok := Cut([]byte("data: cut off\n")); ok {
		t.Error("took a frame without its end")
	}
}
