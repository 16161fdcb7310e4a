package config

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// DefaultFile is read when no file is named.
const DefaultFile = "sluice.yaml"

// Load reads the configuration from the file at path and from environ ("NAME=value" each,
// as os.Environ has them), which goes before the file. An empty path means [DefaultFile],
// which may be missing if the environment says something. The Config can be served if the
// findings have no faults; it is there in any case.
func Load(path string, environ []string) (*Config, Findings) {
	name := cmp.Or(path, DefaultFile)
	text, err := os.ReadFile(name)
	switch {
	case err == nil:
		return Parse(name, text, environ)
	case path == "" && errors.Is(err, fs.ErrNotExist):
		if values, _ := variables(environ); len(values) > 0 {
			return Parse("environment", nil, environ)
		}
		return &Config{}, Findings{{sourceLine: sourceLine{file: name}, Text: "there is no such file here: write one (docs/config.md begins with ten lines), or name yours with -c"}}
	default:
		return &Config{}, Findings{{sourceLine: sourceLine{file: name}, Text: unreadable(err).Error()}}
	}
}

// LoadDeliveries is [Load] for what only delivers. It needs kafka and deliveries, and the
// streams that these name. What is wrong elsewhere is nothing to it, nor is a stream that
// doesn't say whose its records are.
func LoadDeliveries(path string, environ []string) (*Config, Findings) {
	c, all := Load(path, environ)
	all = slices.DeleteFunc(all, func(f Finding) bool {
		root, _, below := strings.Cut(f.Key, ".")
		_, written := c.sourceLines[f.Key]
		pattern, _ := split(f.Key)
		if root == "streams" {
			return !written && !below || pattern == streamSection+".user" && (!written || f.Warning)
		}
		return f.Key != "" && !slices.Contains(deliverRoots, root)
	})
	if !c.Delivers() && len(all.Faults()) == 0 {
		all = append(all, c.Fault("deliveries", "is missing: write one, such as deliveries: {order-mail: {stream: orders, http: {url: …}}}"))
	}
	return c, all
}

// deliverRoots are the sections that deliveries go by.
var deliverRoots = []string{"kafka", "schema_registry", "deliveries", "log", "ids", "ids_keys_file", "admin", "admin_auth", "socket_mode"}

// Parse is Load for a text that has been read already. The name is for findings, and its
// directory is what relative file names in the text count from.
func Parse(name string, text []byte, environ []string) (*Config, Findings) {
	f := &yamlFile{name: name, dir: filepath.Dir(name), sourceLines: map[string]sourceLine{}}
	f.parse(text)
	if f.misread {
		return &Config{sourceLines: f.sourceLines}, f.findings
	}
	fromEnv, findings := variables(environ)

	l := &loader{
		config:   &Config{sourceLines: f.sourceLines},
		given:    map[string]value{},
		streams:  map[string]*Stream{},
		findings: append(f.findings, findings...),
		wrong:    f.wrong,
	}
	for _, v := range slices.Concat(f.values, fromEnv) { // the environment comes last and wins
		l.given[v.key] = v
		l.config.sourceLines[v.key] = v.sourceLine
	}
	l.apply()
	l.check()
	order(l.findings)
	return l.config, l.findings
}

// loader is one Load under way.
type loader struct {
	config   *Config
	given    map[string]value // by key
	streams  map[string]*Stream
	broken   map[string]bool // keys whose value couldn't be taken; they are not checked further
	wrong    []string        // what was given in a way that can't be understood
	findings Findings
}

// apply fills the config: each key with what was given or with its default.
func (l *loader) apply() {
	l.broken = map[string]bool{}
	for _, name := range l.names(streamSection) {
		l.streams[name] = &Stream{Name: name}
	}
	for i := range table {
		k := &table[i]
		if strings.HasPrefix(k.Path, deliverySection) {
			continue
		}
		leaf, ofStream := strings.CutPrefix(k.Path, streamSection+".")
		if !ofStream {
			l.set(l.config, k, k.Path, nil)
			continue
		}
		for name, s := range l.streams {
			l.set(l.config, k, "streams."+name+"."+leaf, s)
		}
	}
	l.applyIssuers()
	l.applyDeliveries()
	for _, name := range slices.Sorted(maps.Keys(l.streams)) {
		l.config.Streams = append(l.config.Streams, *l.streams[name])
	}
}

// applyIssuers fills each issuer of a list as if it were the only one, and puts them
// together.
func (l *loader) applyIssuers() {
	for i := range l.issuers() {
		one := &Config{}
		for j := range table {
			if leaf, ok := strings.CutPrefix(table[j].Path, issuers); ok && leaf != "" {
				l.set(one, &table[j], issuer(i)+leaf, nil)
			}
		}
		l.config.Auth.JWT = append(l.config.Auth.JWT, one.jwt())
	}
}

// applyDeliveries fills each delivery as if it were the only one, and puts them together.
func (l *loader) applyDeliveries() {
	for _, name := range l.names(deliverySection) {
		one := &Config{}
		for i := range table {
			if leaf, ok := strings.CutPrefix(table[i].Path, deliverySection+"."); ok {
				l.set(one, &table[i], "deliveries."+name+"."+leaf, nil)
			}
		}
		one.delivery.Name = name
		l.config.Deliveries = append(l.config.Deliveries, one.delivery)
	}
}

// names are the names that keys of such a section have, in order.
func (l *loader) names(section string) []string {
	names := make(map[string]bool)
	for key := range l.config.sourceLines {
		if pattern, name := split(key); strings.HasPrefix(pattern, section) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// issuers is how many items a list of issuers has; 0 where there is no list.
func (l *loader) issuers() (n int) {
	for l.has(issuer(n)) {
		n++
	}
	return n
}

// issuer is the key of an item of a list of issuers.
func issuer(i int) string { return issuers + "." + strconv.Itoa(i+1) }

func (l *loader) set(c *Config, k *Key, key string, s *Stream) {
	v, ok := l.given[key]
	if !ok {
		if k.Default == "" || !l.wantsDefault(k, key) {
			return
		}
		v = value{key: key, text: k.Default}
	}
	if err := v.set(k, c, s); err != nil {
		l.broken[key] = true
		l.fault(key, err.Error())
	}
}

// wantsDefault reports whether to set a key's default. Those of a way to identify users
// are set only where that way was chosen.
func (l *loader) wantsDefault(k *Key, key string) bool {
	section := key[:max(strings.LastIndexByte(key, '.'), 0)]
	if section == issuers && l.issuers() > 0 {
		return false // each of the list has its own
	}
	return !strings.HasPrefix(k.Path, "auth.") || section == "auth" || l.has(section)
}

// has reports whether something was written at key or below it.
func (l *loader) has(key string) bool {
	for k := range l.config.sourceLines {
		if k == key || strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

// misunderstood reports whether a key, or something below it, was given and couldn't be
// understood: then it is no help to say that it is missing.
func (l *loader) misunderstood(section string) bool {
	return l.broken[section] || slices.ContainsFunc(l.wrong, func(key string) bool {
		return key == section || strings.HasPrefix(key, section+".")
	})
}

func (l *loader) fault(key, text string) {
	l.findings = append(l.findings, l.config.Fault(key, text))
}

func (l *loader) warn(key, text string) {
	l.findings = append(l.findings, l.config.Warning(key, text))
}

// order sorts findings as one reads: the file from its top, then the environment.
func order(findings Findings) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.env, b.env),
			cmp.Compare(a.line, b.line),
			cmp.Compare(a.Key, b.Key),
		)
	})
}
