package kafkatest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"sluice/broker/kafkatest/child"
)

// command is a Java program from the broker's jars. TieredStopAtLevel=1 and the serial collector
// make a start cost half the processor time; a test's broker never lives long enough to miss the rest.
func (c *Cluster) command(ctx context.Context, class string, args ...string) *exec.Cmd {
	flags := []string{
		"-Xms256m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", filepath.Join(c.jars, "*"), class,
	}
	return exec.CommandContext(ctx, c.java, append(flags, args...)...)
}

// format prepares the data directory, with the user of the SCRAM mechanisms in it.
func (c *Cluster) format() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	id := make([]byte, 16)
	rand.Read(id)
	id[0] &= 0x7f // keeps the text from beginning with '-', which the tool would take for a flag
	args := []string{"format", "-t", base64.RawURLEncoding.EncodeToString(id), "-c", c.place.path(propertiesFile)}
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, User, Password))
	}
	if said, err := c.command(ctx, "kafka.tools.StorageTool", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("formatting Kafka's storage: %w\n%s", err, said)
	}
	return nil
}

// boot starts the broker and returns when it answers.
func (c *Cluster) boot() error {
	broker, err := child.Start(c.command(context.Background(), "kafka.Kafka", c.place.path(propertiesFile)), c.place.path(logFile))
	if err != nil {
		return fmt.Errorf("starting Kafka: %w", err)
	}
	if err := c.answers(broker); err != nil {
		return errors.Join(err, broker.Kill(), c.lastWords())
	}
	c.broker = broker
	return nil
}

// answers waits until the broker counts itself among the living in its own metadata, which is
// after it has recovered its logs and opened its listeners.
func (c *Cluster) answers(broker *child.Process) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		brokers, err := c.admin.ListBrokers(ctx)
		if err == nil && len(brokers) == 1 {
			return nil
		}
		select {
		case <-again.C:
		case <-broker.Ended():
			return errors.New("the broker ended while starting")
		case <-ctx.Done():
			return fmt.Errorf("the broker doesn't answer: %w", errors.Join(ctx.Err(), err))
		}
	}
}

// lastWords is the end of the broker's log, as an error.
func (c *Cluster) lastWords() error {
	log, err := os.ReadFile(c.place.path(logFile))
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return fmt.Errorf("the last it said:\n%s", bytes.Join(lines[max(0, len(lines)-20):], []byte("\n")))
}
