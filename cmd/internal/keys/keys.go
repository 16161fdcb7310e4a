// Package keys is `sluice keys`: it makes the keys by which back ends ask for tickets and
// revoke.
package keys

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"

	"go.yaml.in/yaml/v3"

	"sluice/cmd/internal/cmdline"
	"sluice/server/auth"
)

const usage = `Usage: sluice keys new [-f FILE] NAME

Makes an API key for a back end, and prints it. The key is kept nowhere. The gateway needs
the line with its hash, in the file that auth.api_keys_file names. -f appends that line to
the file. Without -f the line is printed too. Gateways read a changed file again.

Example:
  sluice keys new -f keys.yaml shop > shop.key

Flags:
`

// validName is of a back end as it stands in the file without any quotes.
var validName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,63}$`)

// Run is the command. It returns the exit status: 0, 1 for a file that can't be written,
// 2 for a bad command line.
func Run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice keys", flag.ContinueOnError)
	file := flags.String("f", "", "append the key's line to this `file` of keys")
	words, err := cmdline.Words(flags, args, usage, stdout)
	if err := cmp.Or(err, check(words)); err != nil {
		return cmdline.Status(flags, err, stderr)
	}
	name := words[1]
	text, hash := auth.NewAPIKey()
	line := name + ": " + hash + "\n"
	if *file == "" {
		fmt.Fprint(stderr, "The line for auth.api_keys_file:\n"+line+"\nThe key, which is shown only now:\n")
	} else if err := add(*file, name, line); err != nil {
		fmt.Fprintf(stderr, "sluice keys: %v\n", err)
		return 1
	}
	fmt.Fprintln(stdout, text) // alone, so that it can be piped to where secrets are kept
	return 0
}

// check says what is wrong with a command line's words: new, and a name.
func check(words []string) error {
	switch {
	case len(words) == 0:
		return errors.New("it needs a word: new")
	case words[0] != "new":
		return fmt.Errorf("there is no %q: there is new", words[0])
	case len(words) == 1:
		return errors.New("it needs a name: the key's holder")
	case len(words) == 2 && !validName.MatchString(words[1]):
		return errors.New("a name has letters, digits, - and _, a letter first, at most 64")
	}
	return cmdline.TooMany(words, 2)
}

// add appends a key's line to a file of keys, made if need be for its owner's eyes.
func add(file, name, line string) error {
	before, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var hashes map[string]string
	if yaml.Unmarshal(before, &hashes) != nil {
		return fmt.Errorf("%s is no file of keys", file)
	}
	if _, taken := hashes[name]; taken {
		return fmt.Errorf("%s has a key of %s already: take its line out first, or name the new one differently", file, name)
	}
	if n := len(before); n > 0 && before[n-1] != '\n' {
		line = "\n" + line
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
