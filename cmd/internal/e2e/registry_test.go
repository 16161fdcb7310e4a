package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
)

const apicurioVersion = "3.0.9"

// apicurio is a schema registry that nobody here wrote.
type apicurio struct {
	t       *testing.T
	jars    string
	data    string
	address string
	process *exec.Cmd
}

// url is the registry's Confluent API.
func (a *apicurio) url() string { return "http://" + a.address + "/apis/ccompat/v7" }

func newApicurio(t *testing.T) *apicurio {
	t.Helper()
	need(t, "java", "default-jre-headless")
	need(t, "mvn", "maven")
	need(t, "tar", "tar")
	address, err := gateway.Address()
	if err != nil {
		t.Fatal(err)
	}
	a := &apicurio{t: t, jars: cached(t, "apicurio-"+apicurioVersion, func(dir string) error {
		artifact := "io.apicurio:apicurio-registry-app:" + apicurioVersion + ":tar.gz:all"
		if err := run("mvn", "-q", "-B", "dependency:copy", "-Dartifact="+artifact, "-DoutputDirectory="+dir); err != nil {
			return err
		}
		return run("tar", "-xzf", filepath.Join(dir, "apicurio-registry-app-"+apicurioVersion+"-all.tar.gz"), "-C", dir)
	}), data: t.TempDir(), address: address}
	t.Cleanup(a.kill)
	return a
}

// cached returns a directory of the user's cache that fill has filled once.
func cached(t *testing.T, name string, fill func(dir string) error) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	have := filepath.Join(cache, "sluice", name)
	if _, err := os.Stat(have); err == nil {
		return have
	}
	making, err := os.MkdirTemp(cache, "making-") //nolint:usetesting // it is renamed, on one file system
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(making)
	switch err := fill(making); {
	case err != nil && os.Getenv("SLUICE_TEST_ALL") == "1":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
	if err := os.Rename(making, have); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	return have
}

// pythonWith returns a Python that has what pip installs by these arguments.
func pythonWith(t *testing.T, name string, install ...string) string {
	t.Helper()
	return filepath.Join(cached(t, name, func(dir string) error {
		if err := run("python3", "-m", "venv", dir); err != nil {
			return err
		}
		pip := []string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check"}
		return run(filepath.Join(dir, "bin", "python"), append(pip, install...)...)
	}), "bin", "python")
}

func run(name string, args ...string) error {
	if said, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, said)
	}
	return nil
}

// start starts the registry, which has what it had.
func (a *apicurio) start(ctx context.Context) {
	a.t.Helper()
	host, port, _ := strings.Cut(a.address, ":")
	a.process = exec.Command("java", "-Xmx384m", "-Dquarkus.http.host="+host, "-Dquarkus.http.port="+port,
		"-Dapicurio.datasource.url=jdbc:h2:file:"+filepath.Join(a.data, "registry"), "-jar", filepath.Join(a.jars, "apicurio-registry-app-"+apicurioVersion+"-runner.jar"))
	var said bytes.Buffer
	a.process.Stdout, a.process.Stderr = &said, &said
	if err := a.process.Start(); err != nil {
		a.t.Fatal(err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := http.Get(a.url() + "/subjects"); err == nil {
			resp.Body.Close()
			return
		}
		select {
		case <-ctx.Done():
			a.kill()
			a.t.Fatalf("the registry doesn't answer:\n%s", said.String())
		case <-tick.C:
		}
	}
}

func (a *apicurio) kill() {
	if a.process != nil {
		_ = a.process.Process.Kill()
		_ = a.process.Wait() // it was killed
		a.process = nil
	}
}

// Records of other people's serializers arrive as JSON. While the registry is away those
// of known schemas still do. Another waits for the registry, and isn't lost.
func TestRecordsOfOthersSerializers(t *testing.T) {
	need(t, "python3", "python3-venv")
	registry := newApicurio(t)
	python := pythonWith(t, "confluent-kafka-2.16.1", "--requirement", filepath.Join("testdata", "registry", "requirements.txt"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // three Java processes on a busy machine
	t.Cleanup(cancel)
	registry.start(ctx)
	out, err := exec.CommandContext(ctx, python, filepath.Join("testdata", "registry", "serialize.py"), registry.url()).Output()
	if err != nil {
		t.Fatalf("serialize.py: %v", err)
	}
	var values map[string][]string
	if err := json.Unmarshal(out, &values); err != nil {
		t.Fatal(err)
	}
	kafka := kafkatest.Shared(t)
	client := kafka.Client(t)
	topic := func(of string) string { return "registry-" + of }
	for _, of := range []string{"avro", "protobuf", "json-schema"} {
		kafka.CreateTopic(t, topic(of), 1)
	}
	g := readyGateway(ctx, t, fmt.Sprintf(`
kafka: {brokers: [%q]}
auth: none
schema_registry: {url: %q}
streams:
  avro: {topic: registry-avro, decode: avro, user: value:user}
  protobuf: {topic: registry-protobuf, decode: protobuf, user: value:user}
  json-schema: {topic: registry-json-schema, decode: json-schema, user: value:user}
`, kafka.Plaintext(), registry.url()))
	send := func(of, value string) {
		t.Helper()
		raw, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic(of), Value: raw}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	sees := func(of string, want ...string) {
		t.Helper()
		got := readRaw(ctx, t, g.URL()+"/events?user=alice&from=earliest&stream="+of, len(want))
		for i, e := range got {
			if e.data != want[i] {
				t.Errorf("%s: %s; want %s", of, e.data, want[i])
			}
		}
	}
	inAvro := func(id string) string {
		return `{"user":"alice","id":` + id + `,"total":12.50,"at":"2026-01-02T11:58:03.120Z","note":null}`
	}
	inProtobuf := func(id string) string { return `{"user":"alice","orderId":"` + id + `"}` }
	for _, of := range []string{"avro", "protobuf", "json-schema"} {
		send(of, values[of][0])
	}
	sees("avro", inAvro("9007199254740993"))
	sees("protobuf", inProtobuf("9007199254740993"))
	sees("json-schema", `{"user":"alice","id":7}`)

	registry.kill()
	for _, of := range []string{"avro", "protobuf", "json-schema"} {
		send(of, values[of][1])
	}
	send("avro", values["later"][0])
	sees("avro", inAvro("9007199254740993"), inAvro("9007199254740994"))
	sees("protobuf", inProtobuf("9007199254740993"), inProtobuf("9007199254740994"))
	sees("json-schema", `{"user":"alice","id":7}`, `{"user":"alice","id":8}`)
	if err := g.AwaitLog(ctx, "the schema registry doesn't answer"); err != nil {
		t.Error(err)
	}

	registry.start(ctx)
	sees("avro", inAvro("9007199254740993"), inAvro("9007199254740994"), `{"user":"alice","late":true}`)
}
