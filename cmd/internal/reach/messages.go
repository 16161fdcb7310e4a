package reach

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// Explain puts an error answer in one line: its status, and the title and
// detail of RFC 9457 where it has them.
func Explain(resp *http.Response) string {
	text := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	var problem struct{ Title, Detail string }
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(body, &problem) != nil {
		return text
	}
	for _, part := range []string{problem.Title, problem.Detail} {
		if part != "" && part != http.StatusText(resp.StatusCode) {
			text += ": " + part
		}
	}
	return text
}

// Plain puts an error of the network in one line: without the address, which the user
// typed, and without the query, which may hold a ticket. final: coming again would change
// nothing.
func Plain(err error) (plain error, final bool) {
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return fmt.Errorf("the server's certificate: %w (--ca-file names its authority, --insecure skips the check)", certificate.Err), true
	}
	if strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") { // net/http keeps no type for it
		return errors.New("the server speaks plain http here, not https"), true
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Err, false // the rest is addresses, with a port that changes each time
	}
	if request := (*url.Error)(nil); errors.As(err, &request) {
		return request.Err, false
	}
	return err, false
}

// Printable puts U+FFFD in the place of control characters other than newline and tab:
// what comes from the network must not steer the terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// Line is Printable of one line: a name from the network must not begin another.
func Line(s string) string {
	return strings.ReplaceAll(Printable(s), "\n", string(utf8.RuneError))
}

// PrintableJSON is valid JSON with what Printable wouldn't leave escaped instead, so that
// its value stays the same.
func PrintableJSON(text []byte) []byte {
	safe := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r >= 0x7f && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) { // JSON has none below that in a string
			safe = fmt.Appendf(safe, `\u%04x`, r)
		} else {
			safe = utf8.AppendRune(safe, r)
		}
	}
	return safe
}

// Terminal says whether out is a terminal that may be coloured (see no-color.org).
func Terminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && isatty.IsTerminal(file.Fd()) && os.Getenv("NO_COLOR") == ""
}
