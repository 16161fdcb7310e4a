package top

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// screen is where pictures go: over each other on a terminal, one below the other
// elsewhere, without an escape code.
type screen struct {
	out      io.Writer
	terminal bool
	outFile  *os.File

	in      *os.File // in raw mode; nil: no keys are read
	before  *term.State
	stop    context.CancelFunc
	reading sync.WaitGroup
}

const (
	plainWidth  = 160
	plainHeight = 1 << 20

	enter     = "\x1b[?1049h\x1b[?25l" // another screen, no cursor
	leave     = "\x1b[?25h\x1b[?1049l"
	home      = "\x1b[H"
	restLine  = "\x1b[K"
	restBelow = "\x1b[J"
)

// open prepares the terminal, if there is one. quit is called when the user wants to end:
// with q, or Ctrl-C, which a terminal in raw mode sends as a key.
func open(stdin io.Reader, out io.Writer, quit func()) (*screen, error) {
	s := &screen{out: out, stop: func() {}}
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return s, nil
	}
	s.terminal, s.outFile = true, file
	if in, ok := stdin.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		before, err := term.MakeRaw(int(in.Fd()))
		if err != nil {
			return nil, err
		}
		s.in, s.before = in, before
		var ctx context.Context
		ctx, s.stop = context.WithCancel(context.Background())
		s.reading.Go(func() {
			keys(ctx, in, func(key byte) {
				if key == 'q' || key == 'Q' || key == 3 {
					quit()
				}
			})
		})
	}
	_, err := io.WriteString(out, enter)
	return s, err
}

// size is how much room there is, asked each time since terminals are resized.
func (s *screen) size() (width, height int) {
	if s.terminal {
		if w, h, err := term.GetSize(int(s.outFile.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
		return 80, 24
	}
	return plainWidth, plainHeight
}

// draw shows a picture in one write, so that it doesn't flicker.
func (s *screen) draw(lines []string) error {
	var b strings.Builder
	if !s.terminal {
		for _, line := range append(lines, "") {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		_, err := io.WriteString(s.out, b.String())
		return err
	}
	b.WriteString(home)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(line + restLine)
	}
	b.WriteString(restBelow)
	_, err := io.WriteString(s.out, b.String())
	return err
}

// close leaves the terminal as it was.
func (s *screen) close() {
	s.stop()
	s.reading.Wait()
	if s.terminal {
		_, _ = io.WriteString(s.out, leave) // if the terminal was taken away, nobody sees it
	}
	if s.in != nil {
		_ = term.Restore(int(s.in.Fd()), s.before) // there is nothing else to try
	}
}
