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

// The manifests speak of each other: what scales, spreads, routes and guards names what
// is there.
func TestKubernetesManifestsFitEachOther(t *testing.T) {
	var all []manifest
	file := strings.NewReader(readFile(t, "../../../deploy/kubernetes/sluice.yaml"))
	for d := yaml.NewDecoder(file); ; {
		var m manifest
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	named := map[string]manifest{}
	for _, m := range all {
		named[m.Kind+" "+m.Metadata.Name] = m
	}
	pod := named["Deployment sluice"].Spec.Template
	selects := func(what string, s map[string]string) {
		for k, v := range s {
			if pod.Metadata.Labels[k] != v {
				t.Errorf("%s selects %s: %s, and the pod has %v", what, k, v, pod.Metadata.Labels)
			}
		}
		if len(s) == 0 {
			t.Errorf("%s selects everything", what)
		}
	}
	for _, c := range pod.Spec.TopologySpreadConstraints {
		selects("the spread", c.LabelSelector.MatchLabels)
	}
	selects("the budget", named["PodDisruptionBudget sluice"].Spec.Selector.MatchLabels)
	for _, s := range []string{"Service sluice", "Service sluice-admin"} {
		if app := named[s].Spec.Selector.App; app != pod.Metadata.Labels["app"] {
			t.Errorf("%s selects %q", s, app)
		}
		for _, p := range named[s].Spec.Ports {
			if !strings.Contains(readFile(t, "../../../deploy/kubernetes/sluice.yaml"), "{name: "+p.TargetPort+", containerPort: ") {
				t.Errorf("%s: no port %s of the container", s, p.TargetPort)
			}
		}
	}
	scaled := named["HorizontalPodAutoscaler sluice"].Spec.ScaleTargetRef
	if _, ok := named[scaled.Kind+" "+scaled.Name]; !ok {
		t.Errorf("what scales speaks of %v", scaled)
	}
	for _, rule := range named["Ingress sluice"].Spec.Rules {
		for _, p := range rule.HTTP.Paths {
			s, ok := named["Service "+p.Backend.Service.Name]
			if !ok || len(s.Spec.Ports) == 0 || s.Spec.Ports[0].Name != p.Backend.Service.Port.Name {
				t.Errorf("the ingress leads %s to %+v", p.Path, p.Backend.Service)
			}
		}
	}
}

// manifest is what the test above reads of one.
type manifest struct {
	Kind     string
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Spec struct {
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
			App         string
		}
		Ports []struct {
			Name       string
			TargetPort string `yaml:"targetPort"`
		}
		ScaleTargetRef struct{ Kind, Name string } `yaml:"scaleTargetRef"`
		Rules          []struct {
			HTTP struct {
				Paths []struct {
					Path    string
					Backend struct {
						Service struct {
							Name string
							Port struct{ Name string }
						}
					}
				}
			}
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				TopologySpreadConstraints []struct {
					LabelSelector struct {
						MatchLabels map[string]string `yaml:"matchLabels"`
					} `yaml:"labelSelector"`
				} `yaml:"topologySpreadConstraints"`
			}
		}
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
