package server

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"sluice/server/leaktest"
)

var (
	onlyCarrier = flag.String("carrier", "", "run the tests once, with streams carried so: held, goroutines (empty: both)")
	parentID    = flag.Int("parent", 0, "end soon after the process of this ID, which is the parent")
)

// everythingOnGoroutines is the carrier that the tests' servers are to use.
var everythingOnGoroutines bool

// TestMain runs all tests twice, on held connections and on goroutines: a client must not
// be able to tell them apart. The tests wait more than they compute, so a second process
// makes the second run at the same time. The run fails when a goroutine of this module's
// outlives its test.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "6"); err != nil { // those that are parallel wait
		panic(err)
	}
	flag.Parse() // -parallel goes over it
	everythingOnGoroutines = *onlyCarrier == nameGoroutines
	if *parentID != 0 {
		endWith(*parentID)
	}
	switch {
	case *onlyCarrier != "" || given("test.list", "test.bench", "test.fuzz"):
		leaktest.Exit(m.Run())
	case *update || testing.CoverMode() != "" || given("test.cpuprofile", "test.memprofile", "test.blockprofile", "test.mutexprofile", "test.trace"):
		leaktest.Exit(oneAfterAnother(m))
	default:
		leaktest.Exit(together(m))
	}
}

// The words of -carrier.
const (
	nameHeld       = "held"
	nameGoroutines = "goroutines"
)

// oneRun are the arguments of a process that is a part of one test.
func oneRun(test string) []string {
	arg := "-carrier=" + nameHeld
	if everythingOnGoroutines {
		arg = "-carrier=" + nameGoroutines
	}
	return []string{arg, "-test.run=^" + test + "$"}
}

// given reports whether one of these flags, which are texts, is not empty.
func given(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return flag.Lookup(name).Value.String() != "" })
}

const again = "again, with every stream on a goroutine"

// oneAfterAnother makes both runs in this process. So there is one profile of both.
func oneAfterAnother(m *testing.M) (status int) {
	if status := m.Run(); status != 0 {
		return status
	}
	fmt.Println(again)
	everythingOnGoroutines = true
	return m.Run()
}

// together makes both runs at the same time. The other process has ended when it returns.
func together(m *testing.M) (status int) {
	program, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// What go test reads in the log of tests is this process's: both would write one file.
	flags := os.Args[1 : len(os.Args)-flag.NArg()]
	flags = append(slices.Clone(flags), "-test.testlogfile=", "-carrier="+nameGoroutines, "-parent="+strconv.Itoa(os.Getpid()))
	other := exec.Command(program, append(flags, flag.Args()...)...)
	var said bytes.Buffer
	other.Stdout, other.Stderr = &said, &said
	if err := other.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status = m.Run()
	err = other.Wait()
	fmt.Println(again)
	os.Stdout.Write(said.Bytes())
	if err != nil {
		fmt.Fprintln(os.Stderr, "with every stream on a goroutine:", err)
		return 1
	}
	return status
}

// endWith ends this process soon after the one that started it, however that ended. No
// goroutine waits meanwhile: it would be one that outlives the tests.
func endWith(parent int) {
	if os.Getppid() != parent {
		os.Exit(1)
	}
	time.AfterFunc(time.Second, func() { endWith(parent) })
}
