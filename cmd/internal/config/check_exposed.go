package config

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// This file finds secrets that others can read on their way, or change where they lie.

// httpAddress checks an address that the gateway asks. inClear is the warning where that
// is without TLS.
func (l *loader) httpAddress(key, text, inClear string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(text, " \"\\<>`"):
		l.fault(key, "is no http or https address") // it may have a password in it
	case u.User != nil:
		l.fault(key, "has a user or password in it, and addresses are shown: remove them")
	case readableOnItsWay(u):
		l.warn(key, inClear)
	}
}

// readableOnItsWay reports whether what is sent to an address leaves this machine without
// TLS.
func readableOnItsWay(u *url.URL) bool {
	return u.Scheme == "http" && !thisMachine(u.Hostname())
}

// thisMachine reports whether a host is this machine by its name or address.
func thisMachine(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback() // RFC 6761
}

const anyoneWrites = 0o002

// checkFiles warns of files that every user of this machine can change: that user then
// decides who is believed. That they can be read by everyone is no warning: Docker and
// Kubernetes hand secrets to containers so.
func (l *loader) checkFiles() {
	if runtime.GOOS == "windows" { // its modes say nothing of others
		return
	}
	if file := l.config.sourceLines[""].file; file != "" {
		l.checkFile("", file)
	}
	for key, v := range l.given {
		if strings.HasSuffix(key, "_file") && v.list == nil && v.text != "" && !l.broken[key] {
			l.checkFile(key, v.resolve())
		}
	}
}

func (l *loader) checkFile(key, name string) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return // what has to be read says so
	}
	if info, err := os.Stat(real); err == nil && info.Mode().IsRegular() && info.Mode()&anyoneWrites != 0 {
		l.warn(key, name+" can be changed by every user of this machine: chmod o-w "+name)
		return
	}
	for _, dir := range []string{filepath.Dir(name), filepath.Dir(real)} {
		// In a sticky directory, as /tmp is, a file's owner alone can replace it.
		if info, err := os.Stat(dir); err == nil && info.Mode()&anyoneWrites != 0 && info.Mode()&os.ModeSticky == 0 {
			l.warn(key, name+" can be replaced by every user of this machine: chmod o-w "+dir)
			return
		}
	}
}
