package server

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sluice/server/limit"
)

// requestReport is what of a probe's request has arrived here, through whatever is in
// between. It repeats no value: neither what the caller keeps secret nor what a proxy
// has added.
type requestReport struct {
	Proto     string            `json:"proto"` // HTTP/1.1
	TLS       bool              `json:"tls"`
	Port      int               `json:"port"`      // of the connection's other end: the caller's own, where nothing is in between
	Peer      string            `json:"peer"`      // what the other end is to this gateway: trusted, loopback or other
	Forwarded map[string]int    `json:"forwarded"` // how many entries each forwarding header has
	Headers   map[string]string `json:"headers"`   // of those asked for: missing, arrived, same or changed
	CORS      mayRead           `json:"cors"`
}

// mayRead is what this gateway's answer allows the page of the request's origin.
type mayRead struct {
	Origin      bool `json:"origin"`
	Credentials bool `json:"credentials"`
}

// forwardingHeaders are those in which proxies say whom they speak for.
var forwardingHeaders = []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", limit.Forwarded, "Via"}

// sentHeader is a header that the caller says it has sent.
type sentHeader struct {
	name string // of sentNames
	hash string // of its value; "": only whether it arrives is asked
}

// sentNames are the headers that can be asked about.
var sentNames = []string{"accept", "accept-encoding", "authorization", "cache-control", "cookie", "host", "last-event-id", "origin"}

// parseSent reads ?sent=cookie,origin:1a2b3c4d.
func parseSent(lists []string) (sent []sentHeader, err error) {
	items := strings.Split(strings.Join(lists, ","), ",")
	for _, item := range items {
		name, hash, hashed := strings.Cut(item, ":")
		_, err := hex.DecodeString(hash)
		known := item == "" || slices.Contains(sentNames, name)
		if !known || len(items) > len(sentNames) || err != nil || hashed && len(hash) != hashDigits {
			return nil, errors.New("The sent parameter is a list of header names, each alone or with 8 hexadecimal digits of its value's SHA-256: " + strings.Join(sentNames, ", ") + ".")
		}
		if item != "" {
			sent = append(sent, sentHeader{name, hash})
		}
	}
	return sent, nil
}

// hashDigits is how much of a hash is compared: to see a change, and of no use to guess a
// value by.
const hashDigits = 8

func (s *Server) describeRequest(w http.ResponseWriter, r *http.Request, sent []sentHeader) requestReport {
	h := requestReport{
		Proto:     r.Proto,
		TLS:       r.TLS != nil,
		Peer:      "other",
		Forwarded: make(map[string]int),
		Headers:   make(map[string]string),
		CORS: mayRead{
			Origin:      w.Header().Get("Access-Control-Allow-Origin") != "",
			Credentials: w.Header().Get("Access-Control-Allow-Credentials") == "true",
		},
	}
	if _, port, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		h.Port, _ = strconv.Atoi(port) // net/http wrote it
	}
	switch peer := limit.PeerAddr(r.RemoteAddr); {
	case s.cfg.Proxies.Believes(peer):
		h.Peer = "trusted"
	case peer.IsLoopback():
		h.Peer = "loopback"
	}
	for _, name := range forwardingHeaders {
		if lines := r.Header.Values(name); len(lines) > 0 {
			h.Forwarded[name] = len(strings.Split(strings.Join(lines, ","), ","))
		}
	}
	for _, header := range sent {
		h.Headers[header.name] = header.arrival(r)
	}
	return h
}

// arrival says what became of the header on its way.
func (s sentHeader) arrival(r *http.Request) string {
	value, there := strings.Join(r.Header.Values(s.name), ", "), len(r.Header.Values(s.name)) > 0
	if s.name == "host" {
		value, there = r.Host, true
	}
	sum := sha256.Sum256([]byte(value))
	switch {
	case !there:
		return "missing"
	case s.hash == "":
		return "arrived"
	case hex.EncodeToString(sum[:])[:hashDigits] == s.hash:
		return "same"
	}
	return "changed"
}
