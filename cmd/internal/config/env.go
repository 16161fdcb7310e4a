package config

import (
	"regexp"
	"strings"

	"sluice/cmd/internal/typo"
	"sluice/stream/cursor"
)

// variables collects what the environment says, in its order. A key's variable is SLUICE_
// and its path in capitals, with "_" for "." and "-". Streams' names have no "_", so a
// variable names one stream only. SLUICE_STREAMS_ORDERS_EU_TOPIC is
// streams.orders-eu.topic. Where two keys could end a variable, the longer one does
// (…_REPLAY_BYTES is replay_bytes). An empty variable is as good as none.
func variables(environ []string) (values []value, findings Findings) {
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		rest, ok := strings.CutPrefix(name, "SLUICE_")
		if !ok || text == "" || notOurs.MatchString(rest) {
			continue
		}
		key := byVariable(rest)
		if key == "" {
			findings = append(findings, Finding{sourceLine: sourceLine{env: name}, Text: unknownVariable(rest)})
			continue
		}
		values = append(values, value{key: key, text: text, sourceLine: sourceLine{env: name}})
	}
	return values, findings
}

// notOurs are variables that others set: the tests' switches, and what Kubernetes puts
// into every container for a Service called sluice, or sluice-something.
var notOurs = regexp.MustCompile(`^TEST_|^([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// sectionOf returns what a key's path has before and after the name of a stream or a
// delivery. ok: it has one.
func sectionOf(path string) (section, leaf string, ok bool) {
	for _, section := range namedSections {
		if leaf, ok := strings.CutPrefix(path, section+"."+namePart+"."); ok {
			return section, leaf, true
		}
	}
	return "", "", false
}

// byVariable returns the key that a variable's name (without SLUICE_) stands for, or "".
func byVariable(variable string) string {
	best, bestLeaf := "", ""
	for _, k := range table {
		section, leaf, isNamed := sectionOf(k.Path)
		if !isNamed {
			if envName(k.Path) == variable {
				return k.Path
			}
			continue
		}
		name, ok := strings.CutPrefix(variable, envName(section)+"_")
		if !ok {
			continue
		}
		name, ok = strings.CutSuffix(name, "_"+envName(leaf))
		name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if ok && len(leaf) > len(bestLeaf) && cursor.ValidName(name) {
			best, bestLeaf = section+"."+name+"."+leaf, leaf
		}
	}
	return best
}

func unknownVariable(variable string) string {
	var candidates []string
	for _, k := range table {
		section, leaf, isNamed := sectionOf(k.Path)
		if !isNamed {
			candidates = append(candidates, envName(k.Path))
			continue
		}
		if len(variable) > typo.MaxWord {
			continue
		}
		prefix := envName(section) + "_"
		for i, c := range variable { // every way to cut it into a name and a key
			if c == '_' && i > len(prefix) && strings.HasPrefix(variable, prefix) {
				candidates = append(candidates, variable[:i+1]+envName(leaf))
			}
		}
	}
	if near := typo.Closest(variable, candidates); near != "" {
		return "no key has this variable; did you mean SLUICE_" + near + "?"
	}
	return "no key has this variable: unset it, or see docs/config.md for those there are"
}
