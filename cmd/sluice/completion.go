package main

import (
	"bytes"
	"fmt"
	"strings"

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
	if len(args) > 0 && strings.Contains("-h --help -help", args[0]) {
		fmt.Fprint(p.stdout, completionUsage)
		return statusFine
	}
	if len(args) != 1 {
		fmt.Fprintf(p.stderr, "sluice completion: it needs a shell: %s\nSee sluice completion -h.\n", strings.Join(completion.Shells, ", "))
		return statusUsage
	}
	script, ok := completion.Script(args[0], completable())
	if !ok {
		fmt.Fprintf(p.stderr, "sluice completion: there is no %q: there are %s\nSee sluice completion -h.\n", args[0], strings.Join(completion.Shells, ", "))
		return statusUsage
	}
	fmt.Fprint(p.stdout, script)
	return statusFine
}

// completable lists the commands with the flags that their helps have.
func completable() (all []completion.Command) {
	for _, c := range commands {
		var help bytes.Buffer
		if c.name != completionCommand.name && c.name != versionCommand.name {
			c.run(process{stdin: strings.NewReader(""), stdout: &help, stderr: &help}, []string{"-h"})
		}
		all = append(all, completion.Command{Name: c.name, Short: c.short, Flags: completion.FlagsOf(help.String())})
	}
	return all
}
