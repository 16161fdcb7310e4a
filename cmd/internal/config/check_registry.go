package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"sluice/broker/schema"
)

// The bounds of schema_registry.timeout. Longer than a minute nobody waits for a page.
const minRegistryTimeout, maxRegistryTimeout = 100 * time.Millisecond, time.Minute

// checkRegistry finds what is wrong with schema_registry.
func (l *loader) checkRegistry() {
	const key = "schema_registry"
	r := l.config.SchemaRegistry
	if r.URL == "" {
		if l.has(key) {
			l.fault(key+".url", "is missing: write where the registry is, such as http://localhost:8081")
		}
		return
	}
	switch {
	case r.Token.IsSet() && (r.Username != "" || r.Password.IsSet()):
		l.fault(key+".token", "goes with neither username nor password: write one way to log in")
	case r.Password.IsSet() && r.Username == "":
		l.fault(key+".username", "is missing: the registry's password goes with it")
	case r.Username != "":
		l.needSecret(key+".password", r.Password, key+".username")
	}
	if t := r.Timeout; !l.broken[key+".timeout"] && (t < minRegistryTimeout || t > maxRegistryTimeout) {
		l.fault(key+".timeout", fmt.Sprintf("%v is out of bounds: write from %v to %v", t, minRegistryTimeout, maxRegistryTimeout))
	}
	l.checkRegistryURL(r)
}

func (l *loader) checkRegistryURL(r SchemaRegistry) {
	const key = "schema_registry"
	probe, err := schema.NewRegistry(schema.Config{URL: r.URL}, slog.New(slog.DiscardHandler))
	if err != nil {
		l.fault(key+".url", strings.TrimPrefix(err.Error(), key+".url: "))
		return
	}
	probe.Close()
	u, err := url.Parse(r.URL)
	if err != nil {
		return // NewRegistry has found it
	}
	if u.Scheme != "https" && (r.CAFile != "" || r.CertPair != CertPair{}) {
		l.fault(key+".url", "is asked without TLS, and certificates are given: write https, or remove them")
		return
	}
	l.caFile(key+".ca_file", r.CAFile)
	l.certPair(key+".cert_file", key+".key_file", r.CertPair)
	if (r.Username != "" || r.Token.IsSet()) && readableOnItsWay(u) {
		l.warn(key+".url", "is asked without TLS: everyone in between can read the registry's password; write https")
	}
}
