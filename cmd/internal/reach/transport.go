package reach

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"
)

// Transport is how the gateway is reached. Its error is about --ca-file.
func (o *Options) Transport() (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true           // an event held back in a compressor's window is late
	t.ResponseHeaderTimeout = time.Minute // until the answer begins; the stream itself may last
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: o.insecure}
	if o.caFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(o.caFile)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca-file: no PEM certificate in %s", o.caFile)
	}
	return t, nil
}
