package kafkatest

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// missingError says what this machine lacks; tests are skipped for it.
type missingError string

func (e missingError) Error() string { return string(e) }

// giveUp ends the test: skipped where the machine lacks something, unless
// SLUICE_TEST_ALL=1 says that it should not; failed for any other reason.
func giveUp(t testing.TB, err error) {
	t.Helper()
	if missing := missingError(""); errors.As(err, &missing) && os.Getenv("SLUICE_TEST_ALL") != "1" {
		t.Skip(missing)
	}
	t.Fatalf("kafkatest: %v", err)
}

// program is what a release of Kafka is run with.
type program struct {
	java string // path of the java command
	jars string // directory of the release's jars
}

func newProgram(release pom) (p program, err error) {
	if testing.Short() {
		return p, missingError("no real Kafka with -short")
	}
	if p.java, err = findJava(); err != nil {
		return p, err
	}
	p.jars, err = fetchJars(release)
	return p, err
}

// start sets a cluster up and boots it. What it has taken it gives back when it fails.
func startCluster(opts []Option) (_ *Cluster, err error) {
	c := &Cluster{id: 1}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	run, err := newProgram(pom41)
	if err != nil {
		return nil, err
	}
	lease, err := leasePorts()
	if err != nil {
		return nil, err
	}
	c.broker = broker(lease, run.java, run.jars, "768m")
	if err = writeCertificates(lease.dir); err != nil {
		return nil, fmt.Errorf("making certificates: %w", err)
	}
	if err = singleNode(lease).with(opts).write(lease.path(propertiesFile)); err != nil {
		return nil, err
	}
	if c.access, err = newAccess(c.Plaintext()); err != nil {
		return nil, err
	}
	// The user of the SCRAM mechanisms.
	var scram []string
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		scram = append(scram, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, User, Password))
	}
	if err = c.broker.format(clusterID(), scram...); err != nil {
		return nil, err
	}
	return c, c.broker.bootBroker(c.id)
}
