package schema

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// FromFile returns a codec with the schema that a file holds. message names a Protobuf
// message; "" is the file's first. Its imports are found next to the file.
//
// Records are read with the wire format's header and without it: whichever of the two
// is the value to its last byte.
func FromFile(kind Kind, name, message string) (*Codec, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, err
	}
	s := &parsed{kind: kind, size: len(text)}
	switch kind {
	case Avro:
		if message != "" {
			return nil, errors.New("a message is named, but Avro has none")
		}
		s.avro, err = parseAvro(text, nil)
	case Protobuf:
		var files map[string]string
		if files, err = imports(name); err == nil {
			s.proto, err = parseProto(text, files)
		}
	default:
		err = fmt.Errorf("%s needs no schema", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := &Codec{kind: kind, file: s}
	if kind == Protobuf {
		if c.message, err = s.proto.named(message); err != nil {
			return nil, fmt.Errorf("%s %w", name, err)
		}
	}
	return c, nil
}

func (c *Codec) appendFile(dst, raw []byte, limit int) ([]byte, error) {
	if IsFramed(raw) && (c.kind == Protobuf || raw[1] == 0) { // ids are counted from 1; Protobuf never begins with 0
		out, err := c.appendFramed(dst, raw[headerSize:], limit)
		if err == nil || c.kind == Protobuf {
			return out, err
		}
	}
	if c.kind == Avro {
		return appendAvro(dst, c.file.avro, raw, limit)
	}
	return c.file.proto.append(dst, c.message, raw, limit)
}

func (c *Codec) appendFramed(dst, body []byte, limit int) ([]byte, error) {
	if c.kind == Avro {
		return appendAvro(dst, c.file.avro, body, limit)
	}
	_, body, err := splitIndex(body) // the message is named
	if err != nil {
		return dst, err
	}
	return c.file.proto.append(dst, c.message, body, limit)
}

// imports are the other Protobuf files in a file's directory and one level below it, by
// the names that an import has.
func imports(name string) (map[string]string, error) {
	dir := filepath.Dir(name)
	files, size := make(map[string]string), 0
	for _, pattern := range []string{"*.proto", "*/*.proto"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			if path == filepath.Clean(name) || len(files) == maxReferences {
				continue
			}
			text, err := readFile(path)
			if err != nil {
				return nil, err
			}
			if size += len(text); size > maxSchema {
				return nil, fmt.Errorf("the schemas in %s have more than %d bytes", dir, maxSchema)
			}
			relative, err := filepath.Rel(dir, path)
			if err != nil {
				return nil, err
			}
			files[filepath.ToSlash(relative)] = text
		}
	}
	return files, nil
}

func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSchema+1))
	if err == nil && len(text) > maxSchema {
		err = fmt.Errorf("%s has more than %d bytes", name, maxSchema)
	}
	return string(text), err
}
