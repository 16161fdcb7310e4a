package build

import (
	"maps"
	"runtime/debug"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A scrape says which version runs, of which revision, and which Go built it.
func TestABuildIsAMetric(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"},
	}}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metricOf(info))
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "sluice_build_info" {
		t.Fatal(families, err)
	}
	m := families[0].GetMetric()[0]
	labels := map[string]string{}
	for _, l := range m.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	want := map[string]string{"version": "v1.2.3", "revision": "0123456789ab-modified", "goversion": "go1.26.8"}
	if m.GetGauge().GetValue() != 1 || !maps.Equal(labels, want) {
		t.Errorf("%v, want %v", m, want)
	}
}

func TestABuildIsDescribed(t *testing.T) {
	for _, tt := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{&debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"},
		}}, "v1.2.3 0123456789ab, modified (go1.26.8)"},
		{&debug.BuildInfo{GoVersion: "go1.26.8"}, "(devel) (go1.26.8)"},
	} {
		if got := describeInfo(tt.info); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestTheLinkerSaysTheVersionWhereTheSourcesCannot(t *testing.T) {
	fromGit := debug.BuildInfo{GoVersion: "go1.27.3", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}}}
	for _, tt := range []struct {
		info              debug.BuildInfo
		version, revision string
		want              string
	}{
		{debug.BuildInfo{GoVersion: "go1.27.3", Main: debug.Module{Version: "(devel)"}}, "v2.0.0", "fedcba9876543210", "v2.0.0 fedcba987654 (go1.27.3)"},
		{debug.BuildInfo{GoVersion: "go1.27.3"}, "", "", "(devel) (go1.27.3)"},
		{fromGit, "v9.9.9", "fedcba9876543210", "v1.2.3 0123456789ab (go1.27.3)"},
	} {
		if got := describeInfo(stamped(&tt.info, tt.version, tt.revision)); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestAGoWithKnownHolesIsNamed(t *testing.T) {
	for goVersion, safe := range map[string]bool{
		"go1.26.0": false, "go1.26.8": false, "go1.25.14": false, "go1.26.9": true, "go1.26.10": true, "go1.27": true, "go1.27.3": true, "go1.27rc1": true,
		"devel go1.28-0123456": true, "an unknown Go": true,
	} {
		if got := holesOf(goVersion); (got == "") != safe {
			t.Errorf("%s: %q", goVersion, got)
		}
	}
}
