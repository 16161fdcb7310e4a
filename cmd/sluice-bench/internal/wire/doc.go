// Package wire reads what a server sends, as its bytes come in, without garbage and
// without waiting: [Response] takes HTTP/1.x apart, [Events] counts the events in it.
// It is written apart from the gateway's own code, so that a fault there can't hide here.
//
// response.go and events.go have one each.
package wire
