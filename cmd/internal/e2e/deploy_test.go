package e2e

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sluice/cmd/internal/e2e/gateway"
)

// What deploy/kubernetes configures is what this gateway understands.
func TestKubernetesConfigIsValid(t *testing.T) {
	dir := t.TempDir()
	config := configMap(t, "../../../deploy/kubernetes/sluice.yaml")
	for _, secret := range regexp.MustCompile(`/run/secrets/sluice/([\w.-]+)`).FindAllStringSubmatch(config, -1) {
		if err := os.WriteFile(filepath.Join(dir, secret[1]), []byte(strings.Repeat("s", 40)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config = strings.ReplaceAll(config, "/run/secrets/sluice", dir) // where the deployment mounts them
	file := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}
	if said, err := exec.CommandContext(bounded(t), binary, "check", "--offline", "-c", file).CombinedOutput(); err != nil {
		t.Errorf("sluice check: %v\n%s", err, said)
	}
}

// configMap returns sluice.yaml out of the ConfigMap among a file's manifests.
func configMap(t *testing.T, name string) string {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	manifests := yaml.NewDecoder(file)
	for {
		var m struct {
			Kind string
			Data map[string]string
		}
		if err := manifests.Decode(&m); errors.Is(err, io.EOF) {
			t.Fatalf("%s has no ConfigMap", name)
		} else if err != nil {
			t.Fatal(err)
		}
		if m.Kind == "ConfigMap" {
			return m.Data["sluice.yaml"]
		}
	}
}
