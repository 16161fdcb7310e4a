// Package setup is `sluice init`: three questions make a configuration to begin with.
//
// Files:
//   - setup.go: the command.
//   - questions.go: the questions and their answers.
//   - render.go: the configuration as text.
package setup

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/config"
)

const usage = `Usage: sluice init [--yes] [-c FILE]

Asks three questions and writes a commented sluice.yaml, with a key in a file next to it
where one is needed. It never replaces a file. With --yes it asks nothing and takes the
answers in brackets.

Example:
  sluice init && sluice check && sluice serve

Flags:
`

// Run is the command. It returns the exit status: 0, 1 if a file is there already or
// can't be written, 2 for a bad command line or an answer that can't be used.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice init", flag.ContinueOnError)
	file := flags.String("c", config.DefaultFile, "the configuration `file` to write")
	yes := flags.Bool("yes", false, "ask nothing")
	words, err := cmdline.Words(flags, args, usage, stdout)
	if err := cmp.Or(err, cmdline.TooMany(words, 0)); err != nil {
		return cmdline.Status(flags, err, stderr)
	}
	if err := absent(*file); err != nil {
		fmt.Fprintf(stderr, "sluice init: %v\n", err)
		return 1
	}
	q := &questions{in: bufio.NewScanner(stdin), out: stderr, silent: *yes}
	a, err := q.ask()
	if err != nil {
		fmt.Fprintf(stderr, "sluice init: %v\n", err)
		return 2
	}
	made, err := write(*file, a)
	if err != nil {
		fmt.Fprintf(stderr, "sluice init: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "Wrote %s.\n%s", strings.Join(made, " and "), next(*file, a))
	return 0
}

// absent is the error of a file that is there.
func absent(file string) error {
	switch _, err := os.Lstat(file); {
	case err == nil:
		return fmt.Errorf("%s is there already: write another with -c, or move it away", file)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return err
	}
}

// keyFile is next to the configuration, as it is named in it.
func keyFile(a answers) string {
	switch a.way {
	case "jwt":
		return "jwt.key"
	case "authjs":
		return "auth_secret"
	}
	return ""
}

// write makes the files, and returns their names. The key is for its owner's eyes. One
// that is there already is kept: the login uses it.
func write(file string, a answers) (made []string, err error) {
	if err := create(file, 0o644, render(a)); err != nil {
		return nil, err
	}
	made = append(made, file)
	if name := keyFile(a); name != "" {
		name = filepath.Join(filepath.Dir(file), name)
		var key [32]byte
		rand.Read(key[:]) // never fails
		err := create(name, 0o600, base64.StdEncoding.EncodeToString(key[:])+"\n")
		if errors.Is(err, fs.ErrExist) {
			return made, nil
		}
		if err != nil {
			return nil, err
		}
		made = append(made, name)
	}
	return made, nil
}

func create(name string, mode fs.FileMode, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// next says what to do with the file.
func next(file string, a answers) string {
	c := ""
	if file != config.DefaultFile {
		c = " -c " + file
	}
	try := "sluice token" + c + " --user alice   a token to try it with, and how to use it"
	switch a.way {
	case "none":
		try = "curl -N 'http://localhost:8080/events?user=alice'   a stream"
	case "authjs":
		try = "Put your app's AUTH_SECRET into auth_secret, in place of the key there."
	case "forward":
		try = "Your app answers " + a.app + " with 200 and the header X-User, or with 401."
	}
	return fmt.Sprintf("Next:\n  sluice check%[1]s   whether Kafka and its topic can be read from here\n  sluice serve%[1]s   the gateway\n  %[2]s\n", c, try)
}
