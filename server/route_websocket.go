package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"sluice/server/auth"
	"sluice/server/cors"
	"sluice/server/deprecation"
	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/server/ws"
	"sluice/stream"
)

const (
	// messagesProtocol is the subprotocol of a WebSocket's messages.
	messagesProtocol = "sluice.v1"

	// A page can't set headers, so it may offer its token as a subprotocol. It is in
	// base64url where it has characters that a subprotocol may not have.
	bearerProtocol   = "sluice.bearer."
	bearer64Protocol = "sluice.bearer64."
)

// websocket answers GET /ws: the stream of GET /events, as messages of a WebSocket.
func (s *Server) websocket(w http.ResponseWriter, r *http.Request) {
	shake, ok := ws.Check(r)
	if !ok {
		w.Header().Set("Sec-WebSocket-Version", ws.Version)
		if r.ProtoMajor == 1 {
			w.Header().Set("Upgrade", "websocket")
		}
		s.deny(w, r, response.NewProblem(http.StatusUpgradeRequired, "websocket", "This is for WebSockets", noHandshake(r)))
		return
	}
	connect, cookies := s.mayConnect(r)
	if !connect {
		s.deny(w, r, response.NewProblem(http.StatusForbidden, "cross-origin", "Not for pages of another site", "The Origin is neither this host nor one of cors.origins."))
		return
	}
	r, wrong := withBearer(r, shake)
	if !cookies { // as a page of that origin can't send them to the other routes
		r.Header.Del("Cookie")
	}
	p, refused := s.begun(r)
	if refused == nil {
		defer p.end()
		if wrong != nil {
			s.refused(r, wrong)
			refused = response.Unidentified(wrong)
		} else {
			refused = s.streamMessages(w, r, p, shake)
		}
	}
	if refused != nil {
		s.refuseWebSocket(w, r, shake, refused)
	}
}

// noHandshake says why a request opens no WebSocket. Over HTTP/2 none is opened (RFC
// 8441 is not spoken, and no client is told that it would be). A browser then makes
// another connection, with HTTP/1.1.
func noHandshake(r *http.Request) string {
	if r.ProtoMajor > 1 {
		return "The request came over HTTP/2. A WebSocket begins with a handshake over HTTP/1.1."
	}
	return "The request is no handshake of WebSocket version 13 over HTTP/1.1."
}

// streamMessages makes a stream of a request, as stream does.
func (s *Server) streamMessages(w http.ResponseWriter, r *http.Request, p *pending, shake ws.Handshake) (refused *response.Problem) {
	a, refused := s.admitStream(w, r, p)
	if refused != nil {
		return refused
	}
	if refused := s.takeStream(p, &a, true); refused != nil {
		return refused
	}
	by := s.messageCarrierFor(w, r)
	return s.carry(r, p, &a, by, byWebSocket, func(session session, begun []byte) {
		by.carryMessages(w, upgradeHead(shake, w.Header()), p.slot, session, begun, talkTerms{a.principal, a.deprecated})
	})
}

// mayConnect reports whether the page that opens a WebSocket may read here, and as its
// visitor. A browser lets pages of any site connect, with the visitor's cookies, and asks
// nobody: so it is up to the server (RFC 6455, section 10.2). Other clients send no
// Origin.
func (s *Server) mayConnect(r *http.Request) (connect, cookies bool) {
	origin := r.Header.Get("Origin")
	switch {
	case len(r.Header.Values("Origin")) > 1:
		return false, false
	case origin == "", cors.OwnHost(r, origin, s.proxied(r)):
		return true, true
	}
	return s.cfg.CORS.Allows(origin), s.cfg.CORS.Credentials
}

// errBearer64 is for a token that can't be one. What no header may hold doesn't get into
// one: the app of auth.forward could not even be asked.
var errBearer64 = &auth.Error{Reason: auth.ReasonMalformed, Detail: "The token in the subprotocol is not base64url, or has characters that no token may have.", Challenge: "Bearer"}

// withBearer shows a token that came as a subprotocol in the header that tokens come in.
// A header that is there already goes first. The subprotocol is in no header after that,
// so that nothing can log it.
func withBearer(r *http.Request, shake ws.Handshake) (_ *http.Request, wrong error) {
	r = r.Clone(r.Context())
	r.Header.Del("Sec-WebSocket-Protocol")
	for _, protocol := range shake.Protocols {
		token, plain := strings.CutPrefix(protocol, bearerProtocol)
		if encoded, is := strings.CutPrefix(protocol, bearer64Protocol); is {
			b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
			if err != nil || bytes.ContainsFunc(b, unicode.IsControl) {
				return r, errBearer64
			}
			token, plain = string(b), true
		}
		if plain && token != "" && r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
	}
	return r, nil
}

// upgradeHead is the head of the answer to a handshake. It names no subprotocol to a
// client that doesn't offer ours. Of header it has what says that streams are deprecated.
func upgradeHead(shake ws.Handshake, header http.Header) []byte {
	head := fmt.Appendf(nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n", ws.Accept(shake.Key))
	if slices.Contains(shake.Protocols, messagesProtocol) {
		head = append(head, "Sec-WebSocket-Protocol: "+messagesProtocol+"\r\n"...)
	}
	for _, name := range deprecation.Fields {
		if value := header.Get(name); value != "" {
			head = fmt.Appendf(head, "%s: %s\r\n", name, value)
		}
	}
	return append(head, "\r\n"...)
}

// refuseWebSocket answers with a problem. A page can't see the status of a failed
// handshake. So it is told by a message and a close code, where it can do something about
// it.
func (s *Server) refuseWebSocket(w http.ResponseWriter, r *http.Request, shake ws.Handshake, p *response.Problem) {
	code, said := refusalCode(p)
	if !said || r.Header.Get("Origin") == "" {
		s.refuse(w, r, p)
		return
	}
	s.noteRefused(r, p)
	why, retry := p.Cause(), ticks(p.RetryAfter)
	if p.Wait == "" {
		retry = s.rules.retry()
	}
	s.lastWords(w, upgradeHead(shake, nil), lastMessages(why, retry, code))
}

// lastMessages say why a client can't be served, and close its WebSocket.
func lastMessages(why string, retry tick, code ws.Code) *stream.Batch {
	out := new(stream.Batch)
	writeOwn(out, nil, appendUnavailable(nil, why, retry))
	out.Append(ws.AppendClose(nil, code, why))
	return out
}

// refusalCode is the close code of a problem. It is false for those that are said by a
// status only.
func refusalCode(p *response.Problem) (code ws.Code, said bool) {
	switch {
	case p.Wait == draining.String():
		return ws.Restart, true
	case p.Wait != "":
		return ws.TryLater, true
	case p.Status == http.StatusUnauthorized:
		return closeUnidentified, true
	case p.Status == http.StatusForbidden:
		return closeForbidden, true
	}
	return 0, false
}

// lastWords completes a handshake, writes a few frames and closes the connection.
func (s *Server) lastWords(w http.ResponseWriter, head []byte, out *stream.Batch) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(closeWait))
	for _, buf := range append([][]byte{head}, out.Bufs...) {
		if _, err := conn.Write(buf); err != nil {
			return
		}
	}
	for buf := make([]byte, 512); err == nil; { // closing at once could destroy what has not been read yet
		_, err = conn.Read(buf)
	}
}

var websocketRoute = describe.Route{Asks: describe.Caller, Operation: openapi.Operation{
	ID: "websocket", Tags: []string{describe.TagEvents}, Summary: "The caller's events, as messages of a WebSocket",
	Description: "A WebSocket (RFC 6455) with the stream of `/events`. Each message is a JSON text: `{\"id\":…,\"stream\":…,\"event\":…,\"data\":…}`. A payload that is not JSON is in `text` instead of `data`. " +
		"Come back with the last id as `lastEventId`. Offer the subprotocol `sluice.v1`, and a token as `sluice.bearer.TOKEN` next to it. " +
		"The text `ping` is answered `pong`. `{\"follow\":{\"subjects\":[…],\"events\":[…]}}` changes the filter, and `sluice.hello` answers it.",
	Parameters: slices.Concat(streamParameters, []openapi.Parameter{
		describe.HeaderParameter("Origin", "A browser's page. It must be of this host, or of `cors.origins`.", openapi.String("")),
	}),
	Responses: describe.Responses{}.
		With(http.StatusSwitchingProtocols, openapi.Response{Headers: describe.Headers(describe.Deprecation()...), Description: "The WebSocket. To a page, refusals are said here as well: by `sluice.unavailable`, and the close codes 4401, 4403, 1012 and 1013."}).
		Problem(http.StatusBadRequest, "The request makes no sense. `detail` says what is wrong.", "body", "query", "user", "ticket", "subject", "event", "from", "snapshot").
		Unidentified().
		Problem(http.StatusForbidden, "The caller may not read this stream or subject, or it doesn't exist. Or a page of another site connects.", "stream", "subject", "scope", "cross-origin").
		Problem(http.StatusNotFound, "A snapshot was asked for, and no state is kept of these streams.", "state").
		Problem(http.StatusUpgradeRequired, "The request is no handshake.", "websocket").
		Unavailable(true).Failed(),
}}
