// Package completion writes what shells need to complete sluice's commands and their
// flags.
package completion

import (
	"bufio"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Command is one that can be completed.
type Command struct {
	Name, Short string
	Flags       []Flag
}

// Flag is a flag of a command.
type Flag struct {
	Name     string // as it is typed: --json, -c
	Argument string // what follows it; "" nothing does
	Short    string
}

// Shells are those with a script.
var Shells = []string{"bash", "zsh", "fish"}

var flagLine = regexp.MustCompile(`^  (--?[a-z][a-z0-9-]*)(?: (\S+))?$`)

// FlagsOf reads the flags in a command's help, so that what is completed is what the help
// lists.
func FlagsOf(help string) (flags []Flag) {
	_, list, _ := strings.Cut(help, "\nFlags:\n")
	lines := bufio.NewScanner(strings.NewReader(list))
	for lines.Scan() {
		if m := flagLine.FindStringSubmatch(lines.Text()); m != nil {
			flags = append(flags, Flag{Name: m[1], Argument: m[2]})
			continue
		}
		if n := len(flags); n > 0 && flags[n-1].Short == "" {
			flags[n-1].Short = strings.TrimSpace(lines.Text())
		}
	}
	return flags
}

// Script is the completion for a shell, and false for one that isn't known.
func Script(shell string, commands []Command) (string, bool) {
	if !slices.Contains(Shells, shell) {
		return "", false
	}
	return map[string]func([]Command) string{"bash": bash, "zsh": zsh, "fish": fish}[shell](commands), true
}

func bash(commands []Command) string {
	var names []string
	var cases strings.Builder
	for _, c := range commands {
		names = append(names, c.Name)
		var words []string
		for _, f := range c.Flags {
			words = append(words, f.Name)
		}
		fmt.Fprintf(&cases, "    %s) words='%s' ;;\n", c.Name, strings.Join(words, " "))
	}
	return fmt.Sprintf(`# Completion of sluice for bash: source <(sluice completion bash)
_sluice() {
  local current=${COMP_WORDS[COMP_CWORD]} words
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '%s help' -- "$current"))
    return
  fi
  case ${COMP_WORDS[1]} in
%s    help) words='%[1]s' ;;
  esac
  case $current in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) if [ "${COMP_WORDS[1]}" = help ]; then
         COMPREPLY=($(compgen -W "$words" -- "$current"))
       else
         COMPREPLY=($(compgen -f -- "$current"))
       fi ;;
  esac
}
complete -o filenames -F _sluice sluice
`, strings.Join(names, " "), cases.String())
}

func zsh(commands []Command) string {
	var list, cases strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&list, "    %s\n", single(c.Name+":"+c.Short))
		var specs []string
		for _, f := range c.Flags {
			spec := f.Name + "[" + strings.NewReplacer("[", "(", "]", ")").Replace(f.Short) + "]"
			if f.Argument != "" {
				spec += ":" + strings.NewReplacer(":", " ", "`", "").Replace(f.Argument) + ":_files"
			}
			specs = append(specs, single(spec))
		}
		fmt.Fprintf(&cases, "    %s) _arguments %s '*:file:_files' ;;\n", c.Name, strings.Join(specs, " "))
	}
	return fmt.Sprintf(`#compdef sluice
# Completion of sluice for zsh: sluice completion zsh > "${fpath[1]}/_sluice"
_sluice() {
  local -a commands
  commands=(
%s    'help:what a command does'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
    help) _describe command commands ;;
%s  esac
}
compdef _sluice sluice
`, list.String(), cases.String())
}

func fish(commands []Command) string {
	var b strings.Builder
	b.WriteString("# Completion of sluice for fish: sluice completion fish > ~/.config/fish/completions/sluice.fish\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "complete -c sluice -f -n __fish_use_subcommand -a %s -d %s\n", c.Name, single(c.Short))
		for _, f := range c.Flags {
			name := "-l " + strings.TrimPrefix(f.Name, "--")
			if !strings.HasPrefix(f.Name, "--") {
				name = "-s " + strings.TrimPrefix(f.Name, "-")
			}
			if f.Argument != "" {
				name += " -r"
			}
			fmt.Fprintf(&b, "complete -c sluice -n '__fish_seen_subcommand_from %s' %s -d %s\n", c.Name, name, single(f.Short))
		}
	}
	fmt.Fprintf(&b, "complete -c sluice -f -n __fish_use_subcommand -a help -d 'what a command does'\n")
	return b.String()
}

// single quotes a text for all three shells.
func single(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "’") + "'"
}
