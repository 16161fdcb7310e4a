package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sluice/broker/record"
	"sluice/broker/reread"
	"sluice/cmd/internal/typo"
)

// value is what was written for one key.
type value struct {
	key  string // its path, with the stream's name in it
	text string // a scalar as it was written, or a list's items
	list []string
	dir  string // what a relative file name counts from
	sourceLine
}

// items returns a list's items; a list written as one text is split at its commas, as in
// a variable.
func (v value) items() []string {
	if v.list != nil {
		return v.list
	}
	var items []string
	for item := range strings.SplitSeq(v.text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// set fills k's field from v. The error says what is wrong with it and how it is written,
// without the key.
func (v value) set(k *Key, c *Config, s *Stream) error {
	field := k.field(c, s)
	if list, ok := field.(*[]string); ok {
		*list = v.items()
		return nil
	}
	if topics, ok := field.(*TopicList); ok {
		*topics = TopicList{}
		if v.list == nil && strings.HasPrefix(v.text, "^") {
			topics.Pattern = v.text
			return nil
		}
		if topics.Names = v.items(); v.list == nil && len(topics.Names) == 1 {
			return fmt.Errorf("%s is no pattern, since that begins with ^: write topic: %s for this topic alone, or [%s] for a stream that may get more", v.text, v.text, v.text)
		}
		return nil
	}
	if several, ok := field.(*selectors); ok {
		if *several = selectors(v.text); v.list == nil {
			return nil
		}
		*several = selectors(strings.Join(v.list, ", "))
		for _, item := range v.list { // a name may have commas, so each is read alone
			if _, err := record.ParseSelector(item); err != nil {
				return err
			}
		}
		return nil
	}
	if v.list != nil {
		return fmt.Errorf("is a list, but one %s is needed: write it alone, without brackets or dashes", k.Kind())
	}
	if len(k.OneOf) > 0 && !slices.Contains(k.OneOf, v.text) {
		return notOneOf(v.text, k)
	}
	var err error
	switch field := field.(type) {
	case *string:
		*field = v.text
	case *bool:
		*field, err = parseBool(v.text, k.OneOf)
	case *int:
		if *field, err = strconv.Atoi(v.text); err != nil {
			err = fmt.Errorf("%q is not a whole number: write digits, such as 10", v.text)
		}
	case *time.Duration:
		*field, err = ParseDuration(v.text)
	case *time.Time:
		*field, err = parseDate(v.text)
	case *Size:
		*field, err = ParseSize(v.text)
	case *sizeOrOff:
		if *field = 0; v.text != "off" {
			if *(*Size)(field), err = ParseSize(v.text); err != nil {
				err = fmt.Errorf("%w, or off", err)
			}
		}
	case *Rate:
		*field, err = ParseRate(v.text)
	case *Secret:
		field.value = v.text
	case *path:
		*field = path(v.resolve())
	case secretFile:
		field.file = v.resolve()
		field.value, err = readSecret(field.file)
	default:
		panic(fmt.Sprintf("config: key %s has a field of type %T", k.Path, field))
	}
	return err
}

func notOneOf(text string, k *Key) error {
	all := strings.Join(k.OneOf, ", ")
	if len(k.OneOf) == 1 { // the rest of its values are keys below it
		return fmt.Errorf("%q is unknown: write %s, or one of the keys %s", text, all, strings.Join(below(k.Path), ", "))
	}
	if near := typo.Closest(strings.ToLower(text), lower(k.OneOf)); near != "" {
		return fmt.Errorf("%q is unknown: did you mean %s? There are %s", text, k.OneOf[slices.Index(lower(k.OneOf), near)], all)
	}
	return fmt.Errorf("%q is unknown: there are %s", text, all)
}

func lower(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToLower(w)
	}
	return out
}

// parseBool reads true and false; a switch with a special word (`auth: none`) is on by
// that word.
func parseBool(text string, words []string) (bool, error) {
	switch {
	case slices.Contains(words, text), text == "true":
		return true, nil
	case text == "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false: write one of the two", text)
}

func (v value) resolve() string {
	if filepath.IsAbs(v.text) {
		return v.text
	}
	return filepath.Join(v.dir, v.text)
}

// readSecret reads a secret's file.
func readSecret(name string) (string, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return "", unreadable(err)
	}
	text, err := reread.Text(name, content)
	if err != nil {
		err = fmt.Errorf("%w: write the secret into it", err)
	}
	return text, err
}

// unreadable words an error of reading a file, which names the file, and says the cure.
func unreadable(err error) error {
	cure := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		cure = ": make the file, or correct its name"
	case errors.Is(err, fs.ErrPermission):
		cure = ": let the gateway's user read it"
	case errors.Is(err, syscall.EISDIR):
		cure = ": name a file in it"
	}
	return fmt.Errorf("can't be read: %w%s", err, cure)
}
