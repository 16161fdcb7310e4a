package change

import (
	"errors"
	"testing"
	"time"
)

func TestDebezium(t *testing.T) {
	const source = `"source":{"table":"orders","ts_ms":1700000000000},"ts_ms":1800000000000`
	for _, tt := range []struct {
		name, value   string
		before, after string
		update        bool
		err           error
	}{
		{"created", `{"before":null,"after":{"id":1},"op":"c",` + source + `}`, "", `{"id":1}`, false, nil},
		{"read in a snapshot", `{"before":null,"after":{"id":1},"op":"r",` + source + `}`, "", `{"id":1}`, false, nil},
		{"updated", `{"before":{"id":1,"n":1.50},"after":{"id":1},"op":"u",` + source + `}`, `{"id":1,"n":1.50}`, `{"id":1}`, true, nil},
		{"updated, without what was before", `{"before":null,"after":{"id":1},"op":"u",` + source + `}`, "", `{"id":1}`, true, nil},
		{"deleted", `{"before":{"id":1},"after":null,"op":"d",` + source + `}`, `{"id":1}`, "", true, nil},
		{"with its schema", `{"schema":{"type":"struct"},"payload":{"before":null,"after":{"id":1},"op":"c",` + source + `}}`, "", `{"id":1}`, false, nil},
		{"without schema, and yet", `{"schema":null,"payload":{"after":{"id":1},"op":"c",` + source + `}}`, "", `{"id":1}`, false, nil},
		{"a truncation", `{"op":"t"}`, "", "", false, ErrNoRow},
		{"a message", `{"op":"m"}`, "", "", false, ErrNoRow},
		{"a row alone", `{"id":1}`, "", "", false, errNoChange},
		{"an unknown op", `{"op":"x","after":{}}`, "", "", false, errNoChange},
		{"no row", `{"op":"c","after":null}`, "", "", false, errNoChange},
		{"no object", `{"op":"c","after":7}`, "", "", false, errNoChange},
		{"an array", `[1]`, "", "", false, errNoChange},
		{"no JSON", `op=c`, "", "", false, errNoJSON},
	} {
		row, err := Debezium([]byte(tt.value))
		if !errors.Is(err, tt.err) || string(row.Before) != tt.before || string(row.After) != tt.after || row.Update != tt.update {
			t.Errorf("%s: %+v, %v", tt.name, row, err)
		}
		if err == nil && (!row.Time.Equal(time.UnixMilli(1700000000000)) || row.Deleted() != (tt.after == "")) {
			t.Errorf("%s: at %v", tt.name, row.Time)
		}
	}
	if row, err := Debezium([]byte(`{"op":"c","after":{},"ts_ms":5}`)); err != nil || !row.Time.Equal(time.UnixMilli(5)) {
		t.Errorf("without a source: %v, %v", row.Time, err)
	}
}

func TestKey(t *testing.T) {
	for key, want := range map[string]string{
		`{"schema":{"type":"struct"},"payload":{"id":1}}`: `{"id":1}`, `{"schema":null,"payload":7}`: `7`, `{"id":1}`: `{"id":1}`, `{"payload":1}`: `{"payload":1}`,
		`{"schema":1,"payload":2,"more":3}`: `{"schema":1,"payload":2,"more":3}`, `o-7`: `o-7`, `7`: `7`, ``: ``,
	} {
		if got := Key([]byte(key)); string(got) != want {
			t.Errorf("%s: %s; want %s", key, got, want)
		}
	}
}
