package config

// Secret is a password or a key. However it is printed, it shows only that it is there;
// Reveal is the one way to its value.
type Secret struct {
	value string
	file  string // that it was read from, and is read from again; "" it was written out
}

const hidden = "(hidden)"

// Reveal returns the value.
func (s Secret) Reveal() string { return s.value }

// IsSet reports whether there is a value.
func (s Secret) IsSet() bool { return s.value != "" }

// String says "(hidden)", or nothing where there is no value.
func (s Secret) String() string {
	if s.IsSet() {
		return hidden
	}
	return ""
}

// GoString keeps %#v from looking inside.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps JSON and loggers from looking inside.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
