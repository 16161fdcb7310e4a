package kafkatest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// pom names a release's jars to Maven.
type pom []byte

var (
	//go:embed pom.xml
	pom41 pom

	//go:embed pom-3.9.xml
	pom39 pom

	//go:embed pom-2.7.xml
	pom27 pom
)

var kafkaVersion = regexp.MustCompile(`<artifactId>kafka_[\d.]+</artifactId><version>([^<]+)</version>`)

// fetchJars returns the directory that holds a release's jars: one directory of the
// user's cache for all tests of all packages, filled once.
func fetchJars(release pom) (dir string, err error) {
	version := kafkaVersion.FindSubmatch(release)
	if version == nil {
		return "", errors.New("the pom doesn't name the broker's version where expected")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for Kafka's jars: %w", err)
	}
	cache = filepath.Join(cache, "sluice")
	dir = filepath.Join(cache, "kafka-"+string(version[1]))
	// The directory gets this name once it is complete, so seeing it is enough.
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	held, err := lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, err // another test was faster
	}
	return dir, download(release, dir)
}

// download lets Maven put the jars into a directory next to dir, and then renames that to
// dir.
func download(release pom, dir string) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return missingError("needs Kafka's jars: install Maven (Debian: maven), which fetches them")
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) // nothing is left there when all went well

	jars, project := filepath.Join(temp, "jars"), filepath.Join(temp, "pom.xml")
	if err := os.WriteFile(project, release, 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	fetch := exec.CommandContext(ctx, maven, "-q", "-B", "-f", project,
		"dependency:copy-dependencies", "-DoutputDirectory="+jars, "-DincludeScope=runtime")
	fetch.WaitDelay = time.Second // mvn is a script: its Java may outlive it and hold the pipe
	if said, err := fetch.CombinedOutput(); err != nil {
		return missingError(fmt.Sprintf("needs Kafka's jars: Maven can't fetch them: %v\n%s", err, said))
	}
	return os.Rename(jars, dir)
}
