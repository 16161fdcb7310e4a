package build

import (
	"runtime/debug"
	"testing"
)

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
		if got := describe(tt.info); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
