package kafkatest

import (
	"sync"
	"testing"
)

// sharedCluster is the one cluster of this test binary.
var sharedCluster struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// Shared returns a cluster that all tests of the test binary use. The first caller starts
// it. Each test keeps to its own topics and never ends the cluster. The package's
// TestMain removes it:
//
//	func TestMain(m *testing.M) { os.Exit(kafkatest.Run(m)) }
//
// Without that it still dies with the test binary (on Linux), but its data stays until
// the next cluster uses the directory.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	sharedCluster.once.Do(func() { sharedCluster.cluster, sharedCluster.err = startCluster(nil) })
	if sharedCluster.err != nil {
		giveUp(t, sharedCluster.err)
	}
	return sharedCluster.cluster
}

// Run runs a package's tests and then ends the cluster of [Shared], if one was started.
// It returns the status to exit with.
func Run(m *testing.M) int {
	defer func() {
		if sharedCluster.cluster != nil {
			sharedCluster.cluster.close()
		}
	}()
	return m.Run()
}
