// Package build says what was built, and from what.
//
// Files:
//   - build.go: version, commit and Go.
//   - known_holes.go: whether that Go has known holes.
package build

import (
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Set by the linker (-X) where the sources have no history to ask, as in an image's
// builder. See the Dockerfile.
var linkedVersion, linkedRevision string

// Version is the version, and the revision where the build knows it: "v1.2.3
// 0123456789ab, modified".
func Version() string { return versionOf(read()) }

// Describe is Version with Go's own: "v1.2.3 0123456789ab, modified (go1.26.8)".
func Describe() string { return describeInfo(read()) }

// Metric is a metric that is always 1: its labels say what runs.
func Metric() prometheus.Collector {
	return metricOf(read())
}

func metricOf(info *debug.BuildInfo) prometheus.Collector {
	version, revision, _ := strings.Cut(versionOf(info), " ")
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_build_info", Help: "1: its labels say what was built, and from what.",
		ConstLabels: prometheus.Labels{"version": version, "revision": strings.ReplaceAll(revision, ", ", "-"), "goversion": info.GoVersion},
	}, func() float64 { return 1 })
}

func read() *debug.BuildInfo {
	if info, ok := debug.ReadBuildInfo(); ok {
		return stamped(info, linkedVersion, linkedRevision)
	}
	return stamped(&debug.BuildInfo{GoVersion: "an unknown Go"}, linkedVersion, linkedRevision)
}

// stamped returns info with what the linker was told, which counts where the build knows
// nothing itself.
func stamped(info *debug.BuildInfo, version, revision string) *debug.BuildInfo {
	if known := info.Main.Version != "" && info.Main.Version != "(devel)"; !known && version != "" {
		info.Main.Version = version
	}
	if revision == "" {
		return info
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return info
		}
	}
	info.Settings = append(info.Settings, debug.BuildSetting{Key: "vcs.revision", Value: revision})
	return info
}

func describeInfo(info *debug.BuildInfo) string { return versionOf(info) + " (" + info.GoVersion + ")" }

func versionOf(info *debug.BuildInfo) string {
	text := info.Main.Version
	if text == "" {
		text = "(devel)"
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = " " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ", modified"
		}
	}
	return text + revision + modified
}
