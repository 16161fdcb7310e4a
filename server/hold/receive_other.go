//go:build !linux

package hold

import "errors"

// receive is only for what is held.
func receive(int, []byte) (int, error) { return 0, errors.ErrUnsupported }
