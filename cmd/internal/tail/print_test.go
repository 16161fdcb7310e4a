package tail

import (
	"strings"
	"testing"
	"time"
)

func TestPrint(t *testing.T) {
	noon := func() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 5e6, time.UTC) }
	order := event{"s@e:1", "order.confirmed", "{\n \"a\":\"<b>\"}"}
	hello := event{"s@e:1", "sluice.hello", "{}"}
	for _, tt := range []struct {
		name string
		p    printer
		e    event
		want string
	}{
		{"lines stand under each other", printer{}, order, "12:00:00.005  order.confirmed  {\n               \"a\":\"<b>\"}\n"},
		{"colour", printer{colour: true}, order, "\x1b[2m12:00:00.005\x1b[0m  \x1b[36morder.confirmed\x1b[0m  {\n               \"a\":\"<b>\"}\n"},
		{"the gateway's own is dim", printer{colour: true}, hello, "\x1b[2m12:00:00.005  sluice.hello  {}\x1b[0m\n"},
		{"quiet hides the gateway's own", printer{quiet: true}, hello, ""},
		{"quiet shows the stream's", printer{quiet: true, json: true}, order, `{"time":"2026-01-02T12:00:00.005Z","id":"s@e:1","event":"order.confirmed","data":{"a":"<b>"}}` + "\n"},
		{"numbers keep their digits", printer{json: true}, event{Name: "n", Data: `{"n":12345678901234567890.10}`}, `{"time":"2026-01-02T12:00:00.005Z","event":"n","data":{"n":12345678901234567890.10}}` + "\n"},
		{"payloads don't steer the terminal", printer{}, event{Name: "a\x1b[2J", Data: "b\x9b\u202ec\td"}, "12:00:00.005  a\uFFFD[2J  b\uFFFD\uFFFDc\td\n"},
		{"nor do they as JSON", printer{json: true}, event{Name: "a\u009b2J", Data: "b\x1b\u202ec"}, `{"time":"2026-01-02T12:00:00.005Z","event":"a\u009b2J","text":"b\u001b\u202ec"}` + "\n"},
	} {
		var out strings.Builder
		tt.p.out, tt.p.now = &out, noon
		if err := tt.p.print(tt.e); err != nil || out.String() != tt.want {
			t.Errorf("%s:\n got %q, %v\nwant %q", tt.name, out.String(), err, tt.want)
		}
	}
}
