package config

import (
	"fmt"
	"strings"
)

// Finding is a fault in the configuration, or a warning: something legal that is seldom
// meant.
type Finding struct {
	sourceLine
	Key     string // the key's path, such as "streams.orders.user"; "" for the file as a whole
	Text    string // what is wrong and what to write instead; never a secret's value
	Warning bool
}

// String is the finding as it is shown: "sluice.yaml:12: streams.orders.user: …".
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.sourceLine.String())
	if f.Key != "" {
		b.WriteString(": " + f.Key)
	}
	b.WriteString(": ")
	if f.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(f.Text)
	return b.String()
}

// At says where it was written: "sluice.yaml:12", a file or a variable.
func (f Finding) At() string { return f.sourceLine.String() }

// Findings are all that [Load] found, in the order of the file, then of the environment.
type Findings []Finding

// Faults returns those that stop sluice from serving.
func (f Findings) Faults() Findings { return f.only(false) }

// Warnings returns those that don't.
func (f Findings) Warnings() Findings { return f.only(true) }

func (f Findings) only(warning bool) Findings {
	var out Findings
	for _, one := range f {
		if one.Warning == warning {
			out = append(out, one)
		}
	}
	return out
}

// Error returns the findings, one a line: Findings is the error of a configuration that
// has faults.
func (f Findings) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// sourceLine is where something was written: a line of a file, a file as a whole (line
// 0), or a variable.
type sourceLine struct {
	file string
	line int
	env  string
}

func (p sourceLine) String() string {
	switch {
	case p.env != "":
		return p.env
	case p.line > 0:
		return fmt.Sprintf("%s:%d", p.file, p.line)
	default:
		return p.file
	}
}

// nearestLine returns where key was written or, when it wasn't, the innermost section it
// would stand in.
func nearestLine(places map[string]sourceLine, key string) sourceLine {
	for {
		if p, ok := places[key]; ok {
			return p
		}
		dot := strings.LastIndexByte(key, '.')
		if dot < 0 {
			return places[""]
		}
		key = key[:dot]
	}
}
