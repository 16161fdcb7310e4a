package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// secretPrefix begins a secret as the libraries of Standard Webhooks write it.
const secretPrefix = "whsec_"

// minSecret is the least that Standard Webhooks asks of a key.
const minSecret = 24

// keys are the secrets of a target. While they are rotated there are several, and a
// message is signed by each: a target that knows one of them can verify it.
type keys [][]byte

// maxSecrets keeps the header of signatures within what servers accept.
const maxSecrets = 8

// parseKeys reads a file with a secret a line. Empty lines and those that begin with #
// are left out. Its errors quote nothing.
func parseKeys(name string, content []byte) (keys, error) {
	var all keys
	for i, line := range bytes.Split(content, []byte("\n")) {
		text := strings.TrimSpace(string(line))
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, secretPrefix))
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: line %d is no secret: write whsec_ and the key in base64, as in whsec_$(openssl rand -base64 32)", name, i+1)
		case len(key) < minSecret:
			return nil, fmt.Errorf("%s: the key in line %d has %d bytes: it needs %d, as from whsec_$(openssl rand -base64 32)", name, i+1, len(key), minSecret)
		}
		all = append(all, key)
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("%s has no secret: write whsec_$(openssl rand -base64 32) into it", name)
	case len(all) > maxSecrets:
		return nil, fmt.Errorf("%s has %d secrets: %d at most", name, len(all), maxSecrets)
	}
	return all, nil
}

// sign returns the header webhook-signature of a message.
func (k keys) sign(id, timestamp string, body []byte) string {
	signatures := make([]string, len(k))
	for i, key := range k {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(id + "." + timestamp + "."))
		h.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	return strings.Join(signatures, " ")
}

// CheckSecrets says what is wrong with the content of a file of secrets.
func CheckSecrets(name string, content []byte) error {
	_, err := parseKeys(name, content)
	return err
}
