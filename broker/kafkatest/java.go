package kafkatest

import (
	"os/exec"
	"regexp"
	"strconv"
)

// javaVersion finds the version in what `java -version` prints: "17.0.15" since Java 9,
// "1.8.0_292" before.
var javaVersion = regexp.MustCompile(`version "(\d+)`)

const oldestJava = 17 // what Kafka 4 brokers are compiled for

// findJava returns the path of a java command that can run the broker.
func findJava() (string, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return "", missingError("needs Java: install a Java runtime, version 17 or newer (Debian: default-jre-headless)")
	}
	said, err := exec.Command(java, "-version").CombinedOutput()
	if err != nil {
		return "", missingError("needs Java: java -version fails: " + err.Error())
	}
	match := javaVersion.FindSubmatch(said)
	if match == nil {
		return "", missingError("needs Java: java -version doesn't tell its version: " + string(said))
	}
	if major, err := strconv.Atoi(string(match[1])); err != nil || major < oldestJava {
		return "", missingError("needs Java: version 17 or newer, found " + string(match[1]))
	}
	return java, nil
}
