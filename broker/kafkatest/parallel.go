package kafkatest

import "flag"

// AtOnce has a package run so many parallel tests at a time, however few cores there
// are, unless -parallel says otherwise. It is for tests that wait for a Kafka that is
// away, and hardly compute. Call it before the tests run, in TestMain.
func AtOnce(tests string) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return
	}
	if err := flag.Set("test.parallel", tests); err != nil {
		panic(err) // not a number
	}
}
