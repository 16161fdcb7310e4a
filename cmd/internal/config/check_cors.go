package config

import (
	"fmt"
	"strings"

	"golang.org/x/net/publicsuffix"

	"sluice/server/cors"
)

func (l *loader) checkCORS() {
	c := l.config.CORS
	for _, o := range c.Origins {
		if err := cors.CheckOrigin(o, c.Credentials); err != nil {
			l.fault("cors.origins", err.Error())
			continue
		}
		if c.Credentials {
			l.checkShared(o)
		}
	}
	for _, name := range c.Headers {
		if err := cors.CheckHeader(name); err != nil {
			l.fault("cors.headers", err.Error())
		}
	}
	if c.Credentials && len(c.Origins) == 0 {
		l.fault("cors.credentials", "does nothing without cors.origins: name the pages' origins")
	}
	if _, given := l.given["cors.headers"]; given && len(c.Origins) == 0 {
		l.fault("cors.headers", "does nothing without cors.origins: name the pages' origins")
	}
}

// checkShared warns of *. above a domain below which anyone may register a name, such as
// co.uk or github.io.
func (l *loader) checkShared(origin string) {
	_, host, _ := strings.Cut(strings.ToLower(origin), "://*.")
	host, _, _ = strings.Cut(host, ":")
	if suffix, _ := publicsuffix.PublicSuffix(host); host != "" && suffix == host {
		l.warn("cors.origins", fmt.Sprintf("%s: anyone can have a page below %s, and read as its visitor: name the origins", origin, host))
	}
}
