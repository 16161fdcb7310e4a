package cursor

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"sluice/cmd/internal/config"
	"sluice/stream"
	"sluice/stream/cursor"
)

const settings = `
kafka: {brokers: ["localhost:9092"]}
streams: {orders: {topic: order-topic, user: key}}
auth: {jwt: {secret_file: on another machine}}
`

func TestCursor(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"plain.yaml":  settings,
		"sealed.yaml": settings + "ids: sealed\nids_keys_file: ids.keys\n",
		"broken.yaml": settings + "ids: sealed\n",
		"ids.keys":    "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, _ := config.Load("sealed.yaml", nil)
	sealed := idOf(t, c.IDs)
	for _, tt := range []struct {
		args           string
		status         int
		stdout, stderr string // a part of each
	}{
		{"-c plain.yaml orders@!2VkZ3fQ1:1042-3.998!7fQ0aaZZ:17*AbCd12", 0, "orders\n  topics     2, by key: a hash of the name, and the start of the topic id\n" +
			"  2VkZ3fQ1   0:1042 (epoch 3) 1:998 (epoch 3)\n  7fQ0aaZZ   0:17\n  filter     AbCd12\n", ""},
		{"-c plain.yaml orders@kZ3fQ1:1042.998*AbCd12", 0, "orders\n  epoch      kZ3fQ1\n  partitions 0:1042 1:998\n  filter     AbCd12\n", ""},
		{"-c plain.yaml orders@kZ3fQ1:1042-3.998.0.17-12.5-", 0, "partitions 0:1042 (epoch 3) 1:998 (epoch 3) 2:0 3:17 (epoch 12) 4:5\n", ""},
		{sealed + " -c sealed.yaml", 0, "partitions 0:1042 1:998\n  sealed by  k1\n", ""},
		{"-c sealed.yaml orders@kZ3fQ1:1042.998", 1, "", "stream: invalid cursor: segment 1"},
		{"-c plain.yaml stock@.AAAA~orders@kZ3fQ1:1042", 1, "orders\n  epoch      kZ3fQ1\n  partitions 0:1042\n", "segment 1: no valid epoch"},
		{"-c plain.yaml " + sealed, 1, "", "stream: invalid cursor: segment 1"},
		{"orders@kZ3fQ1:1042.998", 0, "orders\n  epoch      kZ3fQ1\n", ""}, // there is no sluice.yaml here
		{"-c gone.yaml orders@kZ3fQ1:1042.998", 2, "", "gone.yaml: can't be read"},
		{"-c broken.yaml x", 2, "", "ids_keys_file: is missing"},
		{"-c plain.yaml", 2, "", "it needs an id"},
		{"a b", 2, "", `"b" is one word too many`},
		{"-x", 2, "", "See sluice cursor -h"},
		{"-h", 0, "Usage: sluice cursor", ""},
	} {
		var stdout, stderr bytes.Buffer
		status := Run(strings.Fields(tt.args), &stdout, &stderr)
		if status != tt.status || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
			t.Errorf("%s: status %d\n%s%s", tt.args, status, &stdout, &stderr)
		}
	}
}

// idOf is an id as a gateway writes it.
func idOf(t *testing.T, ids cursor.Codec) string {
	t.Helper()
	h := stream.NewHub(stream.Config{IDs: ids, Streams: []stream.Spec{{Name: "orders", Replay: time.Hour}}})
	defer h.Close()
	h.Begin(0, "kZ3fQ1", []int64{1042, 998})
	h.SetWarm(0)
	_, o, err := h.Open(t.Context(), stream.Request{Streams: []int{0}, User: "u", Waker: h.AddWaker(nobody{})})
	if err != nil {
		t.Fatal(err)
	}
	return o.ID
}

type nobody struct{}

func (nobody) Wake(uint32) {}
