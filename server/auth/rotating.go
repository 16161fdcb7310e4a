package auth

import (
	"context"
	"net/http"
)

// The types of this file hand on to what their function returns at the time. They are for
// secrets in files that are read again.

// KeysFunc returns the keys that hold now.
type KeysFunc func() Keys

func (f KeysFunc) find(ctx context.Context, kid string) ([]Key, error) { return f().find(ctx, kid) }

func (f KeysFunc) empty() bool { return f().empty() }

// AuthJSFunc returns who opens session cookies now.
type AuthJSFunc func() *AuthJS

// Authenticate opens the request's session cookie.
func (f AuthJSFunc) Authenticate(r *http.Request) (Principal, error) { return f().Authenticate(r) }

func (f AuthJSFunc) ways() []Way { return f().ways() }

// APIKeysFunc returns the keys of back ends that hold now.
type APIKeysFunc func() APIKeys

// Check is [APIKeys.Check].
func (f APIKeysFunc) Check(r *http.Request, action string) (APIKey, error) {
	return f().Check(r, action)
}
