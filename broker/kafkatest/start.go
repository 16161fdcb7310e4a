package kafkatest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
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

// start sets a cluster up and boots it. What it has taken it gives back when it fails.
func start(opts []Option) (_ *Cluster, err error) {
	c := new(Cluster)
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.java, err = findJava(); err != nil {
		return nil, err
	}
	if c.jars, err = fetchJars(); err != nil {
		return nil, err
	}
	if c.place, err = takePlace(); err != nil {
		return nil, err
	}
	if err = writeCertificates(c.place.dir); err != nil {
		return nil, fmt.Errorf("making certificates: %w", err)
	}
	p := defaults(c.place)
	for _, opt := range opts {
		opt(p)
	}
	if err = p.write(c.place.path(propertiesFile)); err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Plaintext()))
	if err != nil {
		return nil, err
	}
	c.admin = kadm.NewClient(client)
	if err = c.format(); err != nil {
		return nil, err
	}
	return c, c.boot()
}

// close ends the broker and removes what it wrote.
func (c *Cluster) close() {
	if c.broker != nil {
		_ = c.broker.Kill() // it can only have ended already
		c.broker = nil
	}
	if c.admin != nil {
		c.admin.Close()
	}
	if c.place != nil {
		c.place.leave()
	}
}
