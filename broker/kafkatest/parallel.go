package kafkatest

import (
	"flag"
	"os"
)

// AtOnce has a package run so many parallel tests at a time, however few cores there
// are, unless -parallel says otherwise. It is for tests that wait, for a Kafka that is
// away, and hardly compute. With SLUICE_TEST_ALL there are some that start one, and it is
// another number. Call it before the tests run, in TestMain.
func AtOnce(tests, withAll string) {
	if os.Getenv("SLUICE_TEST_ALL") == "1" {
		tests = withAll
	}
	if err := flag.Set("test.parallel", tests); err != nil {
		panic(err) // not a number
	}
	flag.Parse() // -parallel goes over it
}
