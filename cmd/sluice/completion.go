package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"strings"

	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/completion"
)

// completionCommand has to be in the list that it reads.
var completionCommand = command{name: "completion", args: "SHELL", short: "a script by which bash, zsh or fish completes these commands"}

func init() {
	completionCommand.run = runCompletion
	commands = append(commands, completionCommand, versionCommand)
}

const completionUsage = `Usage: sluice completion bash|zsh|fish

Prints a script by which a shell completes sluice's commands and flags.

Example:
  source <(sluice completion bash)
`

func runCompletion(p process, args []string) int {
	flags := flag.NewFlagSet("sluice completion", flag.ContinueOnError)
	words, err := cmdline.Words(flags, args, completionUsage, p.stdout)
	if err == nil && len(words) == 0 {
		err = fmt.Errorf("it needs a shell: %s", strings.Join(completion.Shells, ", "))
	}
	if err := cmp.Or(err, cmdline.TooMany(words, 1)); err != nil {
		return cmdline.Status(flags, err, p.stderr)
	}
	script, ok := completion.Script(words[0], completable())
	if !ok {
		err := fmt.Errorf("there is no %q: there are %s", words[0], strings.Join(completion.Shells, ", "))
		return cmdline.Status(flags, err, p.stderr)
	}
	fmt.Fprint(p.stdout, script)
	return statusFine
}

// completable lists the commands with the flags that their helps have.
func completable() (all []completion.Command) {
	for _, c := range commands {
		var help bytes.Buffer
		c.run(process{stdin: strings.NewReader(""), stdout: &help, stderr: &help}, []string{"-h"})
		all = append(all, completion.Command{Name: c.name, Short: c.short, Flags: completion.FlagsOf(help.String())})
	}
	return all
}
