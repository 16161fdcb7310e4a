// Package wire reads what a server sends, as its bytes come in, without garbage and
// without waiting. [Response] takes HTTP/1.x apart. [Events] counts the events in it, and
// [Messages] those of a WebSocket. It is written apart from the gateway's own code, so
// that a fault there can't hide here.
//
// response.go, events.go and messages.go have one each.
package wire
