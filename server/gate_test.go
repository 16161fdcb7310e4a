package server

import "testing"

func TestGate(t *testing.T) {
	var g gate
	g.init()
	if !g.enter() || g.isShut() {
		t.Fatal("a new gate is open")
	}
	empty := g.shut()
	if g.enter() || !g.isShut() || isClosed(empty) {
		t.Fatal("shut, with one inside: nobody enters, and it isn't empty")
	}
	g.leave()
	if !isClosed(empty) || !isClosed(g.shut()) {
		t.Fatal("the last one left")
	}

	var nobody gate
	nobody.init()
	if !isClosed(nobody.shut()) || !isClosed(nobody.shut()) {
		t.Fatal("nobody was inside")
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
