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

// seen reads what is drawn until something is in it.
func seen(t *testing.T, person io.Reader, what string) string {
	t.Helper()
	var text strings.Builder
	for buf := make([]byte, 4096); !strings.Contains(text.String(), what); {
		n, err := person.Read(buf)
		if err != nil {
			t.Fatalf("%v before %q in %q", err, what, text.String())
		}
		text.Write(buf[:n])
	}
	return text.String()
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
		first := seen(t, person, restBelow)
		if !strings.HasPrefix(first, enter) || !strings.Contains(first, "readers") || !strings.Contains(first, "\r\n") {
			t.Errorf("the first picture is %q", first)
		}
		resize(t, person, 40, 7)
		for narrow := ""; strings.Contains(narrow, "readers") || !strings.Contains(narrow, "stream  "); {
			narrow = seen(t, person, restBelow)
		}
		if picture := seen(t, person, restBelow); strings.Count(picture, "\r\n") > 6 {
			t.Errorf("too high: %q", picture)
		}
		if _, err := io.WriteString(person, "x"+key); err != nil {
			t.Fatal(err)
		}
		seen(t, person, leave)
		if status := <-ended; status != 0 {
			t.Errorf("status %d", status)
		}
		after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		if err != nil || *after != *before {
			t.Errorf("the terminal was %+v and is %+v (%v)", before, after, err)
		}
	}
}
