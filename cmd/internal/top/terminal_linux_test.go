package top

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what a program has, and the end that a person looks at
// and types into.
func terminal(t *testing.T, width, height uint16) (program, person *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	resize(t, person, width, height)
	return program, person
}

func resize(t *testing.T, person *os.File, width, height uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width}); err != nil {
		t.Fatal(err)
	}
}

// viewer is the person's side. What a program has drawn comes in pieces of any size: a
// busy machine hands over several pictures at once, and a part of the next.
type viewer struct {
	t      *testing.T
	person io.Reader
	rest   string // read, and not looked at yet
}

// until returns what is drawn up to something, and no more.
func (v *viewer) until(what string) string {
	v.t.Helper()
	for buf := make([]byte, 4096); ; {
		if before, after, found := strings.Cut(v.rest, what); found {
			v.rest = after
			return before + what
		}
		n, err := v.person.Read(buf)
		if err != nil {
			v.t.Fatalf("%v before %q in %q", err, what, v.rest)
		}
		v.rest += string(buf[:n])
	}
}

// picture returns the next whole one that is as wanted.
func (v *viewer) picture(wanted func(string) bool) string {
	v.t.Helper()
	for {
		if p := v.until(restBelow); wanted(p) {
			return p
		}
	}
}

// TestATerminal: its own screen, as large as it is now, until q or Ctrl-C; and then as it
// was.
func TestATerminal(t *testing.T) {
	for _, key := range []string{"q", "\x03"} {
		a := newAdmin(t)
		t.Setenv("SLUICE_TOKEN", "s3cret")
		program, person := terminal(t, 100, 30)
		before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan int)
		go func() {
			ended <- Run(t.Context(), []string{"--interval", "100ms", a.URL}, program, program, io.Discard)
		}()
		v := &viewer{t: t, person: person}
		if first := v.until(home); first != enter+home {
			t.Errorf("it begins with %q", first)
		}
		if wide := v.picture(func(p string) bool { return strings.Contains(p, "readers") }); !strings.Contains(wide, "\r\n") {
			t.Errorf("the picture is %q", wide)
		}
		resize(t, person, 40, 7)
		narrow := v.picture(func(p string) bool { return !strings.Contains(p, "readers") && strings.Contains(p, "stream  ") })
		if strings.Count(narrow, "\r\n") > 6 {
			t.Errorf("too high: %q", narrow)
		}
		if _, err := io.WriteString(person, "x"+key); err != nil {
			t.Fatal(err)
		}
		v.until(leave)
		if status := <-ended; status != 0 {
			t.Errorf("status %d", status)
		}
		after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		if err != nil || *after != *before {
			t.Errorf("the terminal was %+v and is %+v (%v)", before, after, err)
		}
	}
}
