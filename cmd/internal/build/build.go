// Package build says what was built, and from what.
//
// Files:
//   - build.go: version, commit and Go.
//   - known_holes.go: whether that Go has known holes.
package build

import "runtime/debug"

// Version is the version, and the revision where the build knows it: "v1.2.3
// 0123456789ab, modified".
func Version() string { return versionOf(read()) }

// Describe is Version with Go's own: "v1.2.3 0123456789ab, modified (go1.26.8)".
func Describe() string { return describeInfo(read()) }

func read() *debug.BuildInfo {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info
	}
	return &debug.BuildInfo{GoVersion: "an unknown Go"}
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
