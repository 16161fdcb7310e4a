package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"go.yaml.in/yaml/v3"

	"sluice/cmd/internal/config"
	"sluice/server/auth"
)

// onFile does what a command line says to a file of keys.
func (o *options) onFile(now time.Time, stdout, stderr io.Writer) error {
	if o.verb == "list" {
		return list(o.file, now, stdout)
	}
	if o.verb == "revoke" {
		return change(o.file, o.name, nil)
	}
	text, hash := auth.NewAPIKey()
	entry := config.APIKeyEntry{Hash: hash, Actions: o.actions, Streams: o.streams}
	if o.expires > 0 {
		at := now.Add(o.expires).UTC().Truncate(time.Second)
		entry.Expires = &at
	}
	var err error
	if o.verb == "rotate" {
		err = change(o.file, o.name, func(old config.APIKeyEntry) config.APIKeyEntry { return replace(old, entry, now.Add(o.overlap)) })
	} else {
		err = o.makeNew(entry, stderr)
	}
	if err == nil {
		fmt.Fprintln(stdout, text) // alone, so that it can be piped to where secrets are kept
	}
	return err
}

// replace is an entry with a new key. What isn't said anew stays.
func replace(old, entry config.APIKeyEntry, until time.Time) config.APIKeyEntry {
	until = until.UTC().Truncate(time.Second)
	if old.Expires != nil && old.Expires.Before(until) {
		until = *old.Expires
	}
	if entry.Actions == nil {
		entry.Actions = old.Actions
	}
	if entry.Streams == nil {
		entry.Streams = old.Streams
	}
	if entry.Expires == nil {
		entry.Expires = old.Expires
	}
	entry.Previous = &config.PreviousKey{Hash: old.Hash, Until: until}
	return entry
}

// makeNew appends a key's line to the file, or prints it.
func (o *options) makeNew(entry config.APIKeyEntry, stderr io.Writer) error {
	line, err := lineOf(o.name, entry)
	if err != nil {
		return err
	}
	if o.file == "" {
		fmt.Fprint(stderr, "The line for auth.api_keys_file:\n"+line+"\nThe key, which is shown only now:\n")
		return nil
	}
	return add(o.file, o.name, line)
}

// lineOf is a key as a line of the file.
func lineOf(name string, entry config.APIKeyEntry) (string, error) {
	text, err := yaml.Marshal(map[string]*yaml.Node{name: nodeOf(entry)})
	return string(text), err
}

// nodeOf is an entry in one line: its hash alone, if there is nothing else to say.
func nodeOf(entry config.APIKeyEntry) *yaml.Node {
	n := new(yaml.Node)
	if entry.Actions == nil && entry.Streams == nil && entry.Expires == nil && entry.Previous == nil {
		n.SetString(entry.Hash)
		return n
	}
	if err := n.Encode(entry); err != nil {
		panic(err) // texts and times
	}
	flow(n)
	return n
}

// flow has a mapping, and those in it, be written in one line.
func flow(n *yaml.Node) {
	n.Style = 0
	if n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	}
	for _, child := range n.Content {
		flow(child)
	}
}

// add appends a key's line to a file of keys, made if need be for its owner's eyes.
func add(file, name, line string) error {
	before, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var entries map[string]config.APIKeyEntry
	if yaml.Unmarshal(before, &entries) != nil {
		return fmt.Errorf("%s is no file of keys", file)
	}
	if _, taken := entries[name]; taken {
		return fmt.Errorf("%s has a key of %s already: rotate or revoke it, or name the new one differently", file, name)
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

// change writes a file of keys anew with one entry changed, or taken out where to is nil.
// Comments stay.
func change(file, name string, to func(config.APIKeyEntry) config.APIKeyEntry) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if _, faults := config.ParseAPIKeys(file, text); len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil || len(document.Content) == 0 {
		return fmt.Errorf("%s has no key of %s", file, name)
	}
	entries := document.Content[0]
	for i := 0; i+1 < len(entries.Content); i += 2 {
		if entries.Content[i].Value != name {
			continue
		}
		if to == nil {
			entries.Content = append(entries.Content[:i], entries.Content[i+2:]...)
			return rewrite(file, &document)
		}
		var old config.APIKeyEntry
		if err := entries.Content[i+1].Decode(&old); err != nil {
			return fmt.Errorf("%s: the key of %s can't be read", file, name)
		}
		comment := entries.Content[i+1].LineComment
		entries.Content[i+1] = nodeOf(to(old))
		entries.Content[i+1].LineComment = comment
		return rewrite(file, &document)
	}
	return fmt.Errorf("%s has no key of %s", file, name)
}

// rewrite puts a new file in the place of the old one. A gateway reads one or the other.
func rewrite(file string, document *yaml.Node) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	e := yaml.NewEncoder(&text)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(document), e.Close()); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".keys-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text.Bytes())
	err = errors.Join(err, f.Chmod(info.Mode()&fs.ModePerm), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// list says what the keys of a file are for.
func list(file string, now time.Time, stdout io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	all, faults := config.ParseAPIKeys(file, text)
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tFOR\tSTREAMS\tEXPIRES\tBEFORE")
	for _, k := range all {
		expires, before := "never", "-"
		if !k.Expires.IsZero() {
			expires = until(k.Expires, now)
		}
		if !k.Until.IsZero() {
			before = until(k.Until, now)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.Name, orAll(k.Actions), orAll(k.Streams), expires, before)
	}
	return w.Flush()
}

func until(at, now time.Time) string {
	text := at.UTC().Format(time.RFC3339)
	if !now.Before(at) {
		text += " (over)"
	}
	return text
}

func orAll(names []string) string {
	if names == nil {
		return "all"
	}
	return strings.Join(names, ",")
}
