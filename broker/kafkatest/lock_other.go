//go:build !unix

package kafkatest

import (
	"errors"
	"os"
)

var errLocked = errors.New("locked")

var errNotUnix error = missingError("needs a Unix system: the Kafka fixture is written for its locks and signals")

func lock(string) (*os.File, error) { return nil, errNotUnix }

func tryLock(string) (*os.File, error) { return nil, errNotUnix }
