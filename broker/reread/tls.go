package reread

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
)

// Roots are the certificates (PEM) of a file that a peer's certificate is checked
// against.
func Roots(key string, log *slog.Logger, file string) (*Value[*x509.CertPool], error) {
	v, err := New(key, log, func(contents [][]byte) (*x509.CertPool, error) {
		return parseRoots(file, contents[0])
	}, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return v, nil
}

func parseRoots(file string, content []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return pool, nil
}

// KeyPair is a certificate and its key, in two files (PEM).
func KeyPair(key string, log *slog.Logger, certFile, keyFile string) (*Value[*tls.Certificate], error) {
	v, err := New(key, log, func(contents [][]byte) (*tls.Certificate, error) {
		pair, err := tls.X509KeyPair(contents[0], contents[1])
		return &pair, err
	}, certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return v, nil
}

// Secret is a password or a token in a file.
func Secret(key string, log *slog.Logger, file string) (*Value[string], error) {
	v, err := New(key, log, func(contents [][]byte) (string, error) {
		return Text(file, contents[0])
	}, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return v, nil
}
