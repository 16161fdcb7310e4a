package server

import (
	"sync"
	"time"
)

// conversations are those of WebSockets that are held, by subscription. A client that
// says nothing has none.
type conversations struct {
	mu    sync.Mutex // guards the rest; a leaf
	open  map[uint64]*conversation
	terms map[uint64]talkTerms // of those with any
}

// expect notes the terms of a connection. Most have none that matter: then nothing is
// kept.
func (c *conversations) expect(key uint64, terms talkTerms) {
	if terms.caller.Subject == "" && terms.deprecated == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.terms == nil {
		c.terms = make(map[uint64]talkTerms)
	}
	c.terms[key] = terms
}

// of returns a connection's conversation, which may begin.
func (c *conversations) of(key uint64) *conversation {
	c.mu.Lock()
	defer c.mu.Unlock()
	talk := c.open[key]
	if talk == nil {
		if c.open == nil {
			c.open = make(map[uint64]*conversation)
		}
		talk = newConversation(c.terms[key])
		c.open[key] = talk
	}
	return talk
}

// known returns a connection's conversation; nil: there is none.
func (c *conversations) known(key uint64) *conversation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[key]
}

// leave ends a conversation that is over.
func (c *conversations) leave(key uint64, now time.Time) {
	if talk := c.known(key); talk == nil || !talk.isOver(now) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, key)
}

// forget forgets a connection.
func (c *conversations) forget(key uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, key)
	delete(c.terms, key)
}
