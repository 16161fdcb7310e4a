// Package reread holds values that are made from files, and makes them again when the
// files change. Passwords, keys and certificates are rotated by writing files. A restart
// instead would end every stream.
//
// reread.go has the values, and tls.go those of TLS: roots and pairs of keys.
package reread

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	every   = time.Second // between two looks at the files by [Value.Get]
	maxFile = 1 << 20     // bytes; certificates and keys are far smaller
)

// Value is a T made from the content of files. It is safe for concurrent use.
type Value[T any] struct {
	name  string // the configuration's key, for the log
	files []string
	parse func(contents [][]byte) (T, error)
	log   *slog.Logger

	current atomic.Pointer[T]
	looked  atomic.Int64 // when the files were last read, in nanoseconds since start
	start   time.Time

	mu         sync.Mutex // guards the rest; held while the files are read
	seen       [][32]byte // SHA-256 of each file, as it was parsed last
	used       bool       // that gave the current value
	complained string     // what was last said of files that can't be used; "" since all was well
}

// New reads the files and makes the first value. If the files later can't be read, or
// parse refuses them, the value stays as it is, and the log says so once. The errors of
// parse must not quote the files. A nil log is told nothing.
func New[T any](name string, log *slog.Logger, parse func(contents [][]byte) (T, error), files ...string) (*Value[T], error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	v := &Value[T]{name: name, files: files, parse: parse, log: log, start: time.Now()}
	contents, err := v.read()
	if err != nil {
		return nil, err
	}
	first, err := parse(contents)
	if err != nil {
		return nil, err
	}
	v.seen, v.used = sums(contents), true
	v.current.Store(&first)
	return v, nil
}

// Get returns the value. It reads the files once a second at most. It doesn't wait for
// another call that reads them, and then returns the value before.
func (v *Value[T]) Get() T {
	if time.Since(v.start).Nanoseconds()-v.looked.Load() >= int64(every) && v.mu.TryLock() {
		v.renew()
		v.mu.Unlock()
	}
	return *v.current.Load()
}

// Latest returns the value of what the files hold now. It is for rare events, such as a
// login.
func (v *Value[T]) Latest() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.renew()
	return *v.current.Load()
}

// renew makes a new value if the files have changed. The caller holds the lock.
//
// It compares contents and not times. A file may be written twice within one tick of its
// clock. And a file that could not be read may become readable without a new time.
func (v *Value[T]) renew() {
	defer func() { v.looked.Store(time.Since(v.start).Nanoseconds()) }()
	contents, err := v.read()
	if err != nil {
		v.complain(err)
		return
	}
	now := sums(contents)
	if slices.Equal(now, v.seen) {
		if v.used {
			v.complained = "" // they are readable again
		}
		return
	}
	next, err := v.parse(contents)
	v.seen, v.used = now, err == nil
	if err != nil {
		v.complain(err)
		return
	}
	v.current.Store(&next)
	v.complained = ""
	v.log.Info("a file has changed, and what it holds is in use", "key", v.name)
}

func (v *Value[T]) complain(err error) {
	if why := err.Error(); why != v.complained {
		v.complained = why
		v.log.Error("a file has changed and can't be used; what it held before stays in use", "key", v.name, "error", err)
	}
}

func (v *Value[T]) read() ([][]byte, error) {
	contents := make([][]byte, len(v.files))
	for i, name := range v.files {
		var err error
		if contents[i], err = readFile(name); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", name, maxFile)
	}
	return content, err
}

// Text is the content of a file that holds one text, such as a password. One newline at
// its end is the editor's. It is for use in a parse function, and fails where there is
// nothing.
func Text(name string, content []byte) (string, error) {
	text := bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
	if len(text) == 0 {
		return "", fmt.Errorf("%s is empty", name)
	}
	return string(text), nil
}

func sums(contents [][]byte) [][32]byte {
	all := make([][32]byte, len(contents))
	for i, c := range contents {
		all[i] = sha256.Sum256(c)
	}
	return all
}
