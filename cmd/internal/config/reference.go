package config

import (
	"fmt"
	"slices"
	"strings"
)

// chapters are the headings of the reference, each with the first words of its keys'
// paths.
var chapters = []struct {
	title string
	roots []string
}{
	{"The gateway", []string{"listen", "admin", "socket_mode", "heartbeat", "max_connection_age", "ready_grace", "tls_cert_file", "tls_key_file", "pages", "hold", "compress", "decisions"}},
	{"Logging", []string{"log"}},
	{"Kafka", []string{"kafka"}},
	{"Schemas", []string{"schema_registry"}},
	{"Streams", []string{"streams"}},
	{"Deliveries", []string{"deliveries"}},
	{"Publishing", []string{"publish"}},
	{"Clients that come late or are slow", []string{"catchup", "slow_client"}},
	{"Users", []string{"auth"}},
	{"Pages of other origins", []string{"cors"}},
	{"Event ids", []string{"ids", "ids_keys_file"}},
	{"Revocations", []string{"control_topic"}},
	{"The portal", []string{"portal"}},
	{"What callers may take", []string{"limits"}},
	{"Proxies in front", []string{"trusted_proxies", "forwarded_header", "proxy_protocol"}},
	{"Operators", []string{"admin_auth"}},
}

// Reference is all keys in Markdown, a table for each chapter, as docs/config.md has
// them.
func Reference() string {
	var b strings.Builder
	for _, c := range chapters {
		fmt.Fprintf(&b, "### %s\n\n| key | default | how it is written | what it is |\n| --- | --- | --- | --- |\n", c.title)
		for _, k := range table {
			if root, _, _ := strings.Cut(k.Path, "."); slices.Contains(c.roots, root) {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Path, code(k.Default), k.Kind()+oneOf(k), k.Doc)
			}
		}
		b.WriteByte('\n')
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
