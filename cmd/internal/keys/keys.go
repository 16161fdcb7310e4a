// Package keys is `sluice keys`: it makes, rotates, lists and ends keys.
//
// Files:
//   - keys.go: the command.
//   - file.go: the file of back ends' keys.
//   - topic.go: the portal's topic of developers' keys.
package keys

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/cmd/internal/cmdline"
	"sluice/server/auth"
)

const usage = `Usage: sluice keys new [-f FILE] [--for tickets,revoke] [--streams a,b] [--expires 90d] NAME
       sluice keys rotate -f FILE [--overlap 24h] [--expires 90d] NAME
       sluice keys revoke -f FILE NAME
       sluice keys list -f FILE
       sluice keys list -c CONFIG [--owner USER]
       sluice keys revoke -c CONFIG ID | --owner USER

With -f these are API keys of back ends, in the file that auth.api_keys_file names. new
makes a key, and prints it. The key is kept nowhere. The gateway needs the line with its
hash, which -f appends to the file. Without -f the line is printed too. rotate makes a new
key, and has the old one be good for the overlap. Gateways read a changed file again.

With -c these are the keys and tickets that developers made in the portal. list shows
them, and revoke ends them on all gateways: one, or all of a user.

Example:
  sluice keys new -f keys.yaml --for tickets --expires 90d shop > shop.key

Flags:
`

// validName is of a back end as it stands in the file without any quotes, and of a
// stream.
var validName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,63}$`)

// options are what a command line says.
type options struct {
	file, config, owner string
	actions, streams    []string
	expires             time.Duration // 0: never, or as before
	overlap             time.Duration
	verb, name          string
}

// Run is the command. It returns the exit status: 0, 1 for what can't be read or written,
// 2 for a bad command line or configuration.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice keys", flag.ContinueOnError)
	o := options{overlap: 24 * time.Hour}
	flags.StringVar(&o.file, "f", "", "the `file` of back ends' keys")
	flags.StringVar(&o.config, "c", "", "the configuration `file`, whose portal's keys are meant")
	flags.StringVar(&o.owner, "owner", "", "with -c: the keys of this `USER`")
	flags.Func("for", "what the key is for: some of `"+strings.Join(auth.KeyActions, ",")+"`. Without it: everything", func(text string) error {
		o.actions = strings.Split(text, ",")
		if slices.ContainsFunc(o.actions, func(a string) bool { return !slices.Contains(auth.KeyActions, a) }) {
			return errors.New("write some of " + strings.Join(auth.KeyActions, ","))
		}
		return nil
	})
	flags.Func("streams", "the only streams that the key makes tickets for and publishes to: `a,b`", func(text string) error {
		o.streams = strings.Split(text, ",")
		if slices.ContainsFunc(o.streams, func(s string) bool { return !validName.MatchString(s) }) {
			return errors.New("write names of streams, with commas between them")
		}
		return nil
	})
	flags.Func("expires", "how long the key is good, such as `90d` or 12h. Without it: for ever", days(&o.expires, false))
	flags.Func("overlap", "with rotate: how long the old key is good still (default `24h`)", days(&o.overlap, true))
	words, err := cmdline.Words(flags, args, usage, stdout)
	if err := cmp.Or(err, o.take(words)); err != nil {
		return cmdline.Status(flags, err, stderr)
	}
	if o.config != "" {
		return o.onTopic(ctx, stdout, stderr)
	}
	if err := o.onFile(time.Now(), stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "sluice keys: %v\n", err)
		return 1
	}
	return 0
}

// days reads a duration, in days too.
func days(into *time.Duration, zero bool) func(string) error {
	return func(text string) error {
		d, err := time.ParseDuration(text)
		if n, isDays := strings.CutSuffix(text, "d"); isDays {
			var count int
			count, err = strconv.Atoi(n)
			d = time.Duration(min(count, 100_000)) * 24 * time.Hour
		}
		if err != nil || d < 0 || d == 0 && !zero {
			return errors.New("write a time such as 90d or 12h")
		}
		*into = d
		return nil
	}
}

// take takes a command line's words: what to do, and a name.
func (o *options) take(words []string) error {
	verbs := []string{"new", "rotate", "revoke", "list"}
	switch {
	case len(words) == 0:
		return errors.New("it needs a word: " + strings.Join(verbs, ", "))
	case !slices.Contains(verbs, words[0]):
		return fmt.Errorf("there is no %q: there is %s", words[0], strings.Join(verbs, ", "))
	}
	o.verb = words[0]
	if len(words) > 1 {
		o.name = words[1]
	}
	switch {
	case o.config != "" && o.file != "":
		return errors.New("-f and -c mean different keys: write one of them")
	case o.config != "" && o.verb != "list" && o.verb != "revoke":
		return errors.New("developers make and rotate their own keys: with -c there are list and revoke")
	case o.config == "" && o.owner != "":
		return errors.New("--owner goes with -c")
	case o.config != "" && o.verb == "revoke" && (o.name == "") == (o.owner == ""):
		return errors.New("it needs the id of a key, or --owner with a user")
	case o.config == "" && o.verb != "new" && o.file == "":
		return errors.New("it needs -f with the file of keys, or -c with the configuration of a portal")
	case o.verb == "list":
		return cmdline.TooMany(words, 1)
	case o.config != "":
	case o.name == "":
		return errors.New("it needs a name: the key's holder")
	case len(words) == 2 && !validName.MatchString(o.name):
		return errors.New("a name has letters, digits, - and _, a letter first, at most 64")
	}
	return cmdline.TooMany(words, 2)
}
