package setup

import (
	"fmt"
	"strconv"
	"strings"
)

// render is the configuration that answers make. Texts are quoted, so that nothing in an
// answer is taken for YAML.
func render(a answers) string {
	quoted := make([]string, len(a.brokers))
	for i, b := range a.brokers {
		quoted[i] = strconv.Quote(b)
	}
	return fmt.Sprintf(`# Made by sluice init. docs/config.md has every key; sluice check says what is wrong.
%skafka:
  brokers: [%s]
streams:
  %s:                       # the name that pages see
    topic: %s
    user: key                      # whose event it is: the record's key. Or header:NAME, value:PATH
    # subject: value:orderId       # what it is about: /state keeps the latest event of each subject
    # event: value:type            # the name that a page listens to; without it, onmessage
%s`, listen(a), strings.Join(quoted, ", "), streamName(a.topic), strconv.Quote(a.topic), authentication(a))
}

// listen keeps what is open to anyone on this machine.
func listen(a answers) string {
	if a.way != "none" {
		return ""
	}
	return "listen: 127.0.0.1:8080             # auth is none, so nobody else may reach it\n"
}

func authentication(a answers) string {
	switch a.way {
	case "authjs":
		return `auth:
  authjs:
    secret_file: auth_secret       # your app's AUTH_SECRET (NEXTAUTH_SECRET)
`
	case "forward":
		return fmt.Sprintf(`auth:
  forward:
    url: %s   # answers 200 with X-User, or 401, by the cookie that it gets
`, strconv.Quote(a.app))
	case "none":
		return `auth: none                         # anyone is whoever ?user= says: for trying out only
`
	}
	return `auth:
  jwt:
    secret_file: jwt.key               # your login signs its tokens with this key (HS256)
    from: [header, "cookie:session"]   # EventSource can't send a header: it sends this cookie
    require_exp: true                  # a token must say when it expires
`
}
