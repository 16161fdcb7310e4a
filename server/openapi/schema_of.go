package openapi

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// Of is the schema of what a Go value marshals to, from its type: a field without
// omitempty is always there, and a pointer that always is may be null.
func Of[T any](description string) *Schema {
	s := schemaOf(reflect.TypeFor[T]())
	s.Description = description
	return s
}

func schemaOf(t reflect.Type) *Schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return Time("")
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem())
	}
	switch t.Kind() {
	case reflect.String:
		return String("")
	case reflect.Bool:
		return Bool("")
	case reflect.Float32, reflect.Float64:
		return Number("")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &Schema{Type: "integer"}
	case reflect.Slice:
		return List(schemaOf(t.Elem()), "")
	case reflect.Map:
		return &Schema{Type: "object", Additional: schemaOf(t.Elem())}
	case reflect.Struct:
		s := Object("", Properties{})
		s.fields(t)
		return s
	}
	panic("openapi: no schema of " + t.String()) // a mistake in a table
}

func (s *Schema) fields(t reflect.Type) {
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			s.fields(field.Type)
			continue
		case !field.IsExported() || name == "-":
			continue
		case name == "":
			name = field.Name
		}
		one := schemaOf(field.Type)
		if slices.Contains(strings.Split(options, ","), "omitempty") {
			s.Properties[name] = one
			continue
		}
		if field.Type.Kind() == reflect.Pointer {
			one.OrNull()
		}
		s.Properties[name] = one
		s.Required = append(s.Required, name)
	}
}
