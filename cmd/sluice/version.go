package main

import (
	"fmt"
	"runtime/debug"
)

var version = command{"version", "", "what was built, and from what", runVersion}

func runVersion(p process, args []string) int {
	if len(args) > 0 && args[0] != "-h" {
		fmt.Fprintf(p.stderr, "sluice version: %q is one word too many\n", args[0])
		return statusUsage
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: "an unknown Go"}
	}
	fmt.Fprintln(p.stdout, describeBuild(info))
	return statusFine
}

// describeBuild is one line: version, revision where the build knows it, and Go's version.
func describeBuild(info *debug.BuildInfo) string {
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
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
	return fmt.Sprintf("sluice %s%s%s (%s)", version, revision, modified, info.GoVersion)
}
