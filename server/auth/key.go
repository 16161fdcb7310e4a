package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwa"
)

// minSecret is RFC 7518 section 3.2: a key of at least the hash's size. One
// shorter can be found by trying, offline, with any one token.
const minSecret = 32

// minRSA is RFC 7518 section 3.3.
const minRSA = 2048

// Keys finds the keys that may have signed a token.
type Keys interface {
	// find returns the candidates for a key id, "" if the token names none. It fails with
	// [ErrUnavailable] when that can't be told now.
	find(ctx context.Context, kid string) ([]Key, error)
	empty() bool
}

// Key verifies signatures. The algorithms it accepts follow from its kind alone, never
// from what a token says of itself. That keeps "none" out, and a public key from being
// taken for an HMAC secret.
type Key struct{ k *keyMaterial }

type keyMaterial struct {
	id         string     // a token's kid, "" any
	material   func() any // a func, since fmt looks into everything else
	algorithms []jwa.SignatureAlgorithm
}

// String says that a key is set, and nothing of it.
func (k Key) String() string {
	if k.k == nil {
		return "none"
	}
	return "(hidden)"
}

// GoString keeps %#v from looking inside.
func (k Key) GoString() string { return k.String() }

// IsSet reports whether there is a key.
func (k Key) IsSet() bool { return k.k != nil }

func (k Key) empty() bool { return k.k == nil }

func (k Key) find(context.Context, string) ([]Key, error) { return []Key{k}, nil }

// accepts reports whether the key is one for this algorithm.
func (k Key) accepts(a jwa.SignatureAlgorithm) bool {
	return slices.ContainsFunc(k.k.algorithms, func(own jwa.SignatureAlgorithm) bool { return own.String() == a.String() })
}

// SecretKey verifies HS256 with a secret shared with the issuer.
func SecretKey(secret []byte) (Key, error) {
	if len(secret) < minSecret {
		return Key{}, fmt.Errorf("the secret has %d bytes, HS256 needs at least %d: make one with openssl rand -base64 32", len(secret), minSecret)
	}
	secret = slices.Clone(secret)
	return Key{&keyMaterial{material: func() any { return secret }, algorithms: []jwa.SignatureAlgorithm{jwa.HS256()}}}, nil
}

// PublicKey verifies with a PEM public key or certificate: RS256, RS384 and RS512
// for RSA, the curve's own ES algorithm for ECDSA, EdDSA for Ed25519.
func PublicKey(text []byte) (Key, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return Key{}, errors.New("no PEM block in it: a public key begins with -----BEGIN PUBLIC KEY-----")
	}
	material, err := parsePublic(block)
	if err != nil {
		return Key{}, err
	}
	return newPublicKey("", material)
}

func newPublicKey(id string, material any) (Key, error) {
	algorithms, err := algorithmsOf(material)
	if err != nil {
		return Key{}, err
	}
	return Key{&keyMaterial{id: id, material: func() any { return material }, algorithms: algorithms}}, nil
}

// algorithmsOf returns the algorithms a public key is for.
func algorithmsOf(material any) ([]jwa.SignatureAlgorithm, error) {
	switch key := material.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSA {
			return nil, fmt.Errorf("the RSA key has %d bits, at least %d are needed", key.N.BitLen(), minRSA)
		}
		return []jwa.SignatureAlgorithm{jwa.RS256(), jwa.RS384(), jwa.RS512()}, nil
	case ed25519.PublicKey:
		return []jwa.SignatureAlgorithm{jwa.EdDSA()}, nil
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return []jwa.SignatureAlgorithm{jwa.ES256()}, nil
		case elliptic.P384():
			return []jwa.SignatureAlgorithm{jwa.ES384()}, nil
		case elliptic.P521():
			return []jwa.SignatureAlgorithm{jwa.ES512()}, nil
		}
		return nil, fmt.Errorf("the ECDSA key is on %s: P-256, P-384 and P-521 are taken", key.Params().Name)
	default:
		return nil, fmt.Errorf("a %T can't verify a token: RSA, ECDSA and Ed25519 keys can", material)
	}
}

func parsePublic(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	default:
		return nil, fmt.Errorf("its PEM block is a %q: a PUBLIC KEY is wanted (openssl pkey -pubout makes one)", block.Type)
	}
}
