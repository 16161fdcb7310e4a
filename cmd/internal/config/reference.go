package config

import (
	"fmt"
	"strings"
)

// Reference is the table of all keys in Markdown, as docs/config.md has it.
func Reference() string {
	var b strings.Builder
	b.WriteString("| key | default | how it is written | what it is | variable |\n| --- | --- | --- | --- | --- |\n")
	for _, k := range keys {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | `%s` |\n", k.Path, code(k.Default), k.Kind()+oneOf(k), k.Doc, k.Env())
	}
	return b.String()
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func oneOf(k Key) string {
	words := make([]string, len(k.OneOf))
	for i, w := range k.OneOf {
		words[i] = code(w)
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, ", ")
}
