package proxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"
)

// NginxWithTLS runs nginx's recipe for browsers with TLS and HTTP/2, and returns its URL
// and the file of the authority that its certificate is of.
func NginxWithTLS(ctx context.Context, t *testing.T, gatewayURL, origin string) (url, ca string) {
	t.Helper()
	s := NewSetup(t, gatewayURL, origin)
	cert, key := s.Certificate(t)
	url = "https://" + s.Listen
	// That it answers is enough here: whether it is trusted is its test's question.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	s.Start(ctx, t, nginx(t, s, fmt.Sprintf("listen %s ssl http2; ssl_certificate %s; ssl_certificate_key %s;", s.Listen, cert, key)), client, url)
	return url, cert
}

// Certificate writes one that signs itself, for 127.0.0.1.
func (s Setup) Certificate(t *testing.T) (cert, key string) {
	t.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		t.Fatal(err)
	}
	cert = s.Write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})))
	return cert, s.Write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}
