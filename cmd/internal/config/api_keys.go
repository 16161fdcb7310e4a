package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"sluice/server/auth"
)

// APIKeyEntry is a key of a back end as its file has it: a hash alone, or these.
type APIKeyEntry struct {
	Hash     string       `yaml:"hash"`
	Actions  []string     `yaml:"actions,omitempty,flow"` // absent: everything
	Streams  []string     `yaml:"streams,omitempty,flow"` // absent: all
	Expires  *time.Time   `yaml:"expires,omitempty"`      // absent: never
	Previous *PreviousKey `yaml:"previous,omitempty"`
}

// PreviousKey is the key that was there before, and until when it is good still.
type PreviousKey struct {
	Hash  string    `yaml:"hash"`
	Until time.Time `yaml:"until"`
}

// entryFields are those of an entry. One that isn't known may narrow a key.
var entryFields = []string{"hash", "actions", "streams", "expires", "previous"}

// UnmarshalYAML reads a hash, or a mapping.
func (e *APIKeyEntry) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&e.Hash)
	}
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if !slices.Contains(entryFields, n.Content[i].Value) {
			return fmt.Errorf("%q is not known", n.Content[i].Value)
		}
	}
	type plain APIKeyEntry
	return n.Decode((*plain)(e))
}

// ParseAPIKeys reads a file of keys. Its faults repeat nothing of what should be hashes.
func ParseAPIKeys(file string, text []byte) (all auth.APIKeys, faults []string) {
	var entries map[string]APIKeyEntry
	if err := yaml.Unmarshal(text, &entries); err != nil { // its text may quote the file's
		return nil, []string{file + " is not YAML of names and hashes, as sluice keys new writes it"}
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		k, err := entries[name].key(name)
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s: %s: %v", file, name, err))
			continue
		}
		all = append(all, k)
	}
	return all, faults
}

func (e APIKeyEntry) key(name string) (auth.APIKey, error) {
	k, err := auth.ParseAPIKey(name, e.Hash)
	if err != nil {
		return k, err
	}
	for _, action := range e.Actions {
		if !slices.Contains(auth.KeyActions, action) {
			return k, fmt.Errorf("its actions are some of %v", auth.KeyActions)
		}
	}
	k.Actions, k.Streams = e.Actions, e.Streams
	if e.Actions != nil && len(e.Actions) == 0 || e.Streams != nil && len(e.Streams) == 0 {
		return k, fmt.Errorf("it would be good for nothing: name actions and streams, or leave them out")
	}
	if e.Expires != nil {
		k.Expires = *e.Expires
	}
	if e.Previous != nil {
		if err := k.Replaced(e.Previous.Hash, e.Previous.Until); err != nil {
			return k, fmt.Errorf("previous: %w", err)
		}
	}
	return k, nil
}
