package auth

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func withTicket(text string) *http.Request {
	return httptest.NewRequest(http.MethodGet, "/events?ticket="+url.QueryEscape(text), nil)
}

func TestTickets(t *testing.T) {
	tickets := must(NewTickets(secret, 0))
	other := must(NewTickets(secret, time.Hour)) // another gateway
	order := must(tickets.Issue(Grant{Stream: "orders", Subject: "o-77"}))
	p, err := other.Authenticate(withTicket(order.Text))
	if err != nil || p.User != "" || p.Subject != "o-77" || !slices.Equal(p.Streams, []string{"orders"}) || p.Claim != nil {
		t.Errorf("for a subject: %+v, %v", p, err)
	}
	if left := time.Until(p.Expires); left > time.Minute || left < 50*time.Second || !p.Expires.Equal(order.Expires) {
		t.Errorf("expires in %v, was said to at %v", left, order.Expires)
	}
	if p.Login == nil || p.Login.Key != TicketKey(order.ID) || p.Ticket != order.ID || p.Issued.IsZero() {
		t.Errorf("can't be revoked: %+v", p)
	}
	user := must(tickets.Issue(Grant{User: "алиса\r\n", Roles: []string{"customer"}, TTL: MaxTicketTTL}))
	p, err = other.Authenticate(withTicket(user.Text))
	if err != nil || p.User != "алиса\r\n" || p.Streams != nil || p.Subject != "" || !slices.Equal(p.Roles, []string{"customer"}) {
		t.Errorf("for a user: %+v, %v", p, err)
	}
	for _, text := range []string{order.Text, user.Text} {
		if text != url.QueryEscape(text) || strings.Contains(text, "o-77") {
			t.Errorf("%q shows what it is for, or needs escaping", text)
		}
	}
}

// TestTicketAttacks are named after what is tried.
func TestTicketAttacks(t *testing.T) {
	tickets := must(NewTickets(secret, 0))
	good := must(tickets.Issue(Grant{User: "alice"})).Text
	foreign := must(must(NewTickets([]byte(strings.Repeat("x", 32)), 0)).Issue(Grant{User: "alice"})).Text
	box := must(base64.RawURLEncoding.DecodeString(good[len(ticketPrefix):]))
	flipped := []byte(good)
	flipped[20] = map[bool]byte{true: 'B', false: 'A'}[flipped[20] == 'A']
	for _, tt := range []struct {
		name, ticket string
		reason       Reason
	}{
		{"another gateway's key", foreign, ReasonSignature},
		{"one letter", string(flipped), ReasonSignature},
		{"cut short", ticketPrefix + base64.RawURLEncoding.EncodeToString(box[:len(box)-1]), ReasonSignature},
		{"nothing in it", ticketPrefix, ReasonSignature},
		{"another form", "t2." + good[3:], ReasonMalformed},
		{"CRLF", good[:20] + "\r\n" + good[20:], ReasonMalformed},
		{"a token", "a.b.c", ReasonMalformed},
		{"huge", good + strings.Repeat("A", maxTicket), ReasonMalformed},
		{"none", "", ReasonMissing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tickets.Authenticate(withTicket(tt.ticket))
			wantRefused(t, err, tt.reason, string(secret), "alice")
		})
	}
}

func TestATicketForOneStreamOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := must(NewTickets(secret, time.Minute))
		p := must(tickets.Authenticate(withTicket(must(tickets.Issue(Grant{User: "alice", Once: true})).Text)))

		var mu sync.Mutex
		var all sync.WaitGroup
		taken := 0
		for range 100 { // at once
			all.Go(func() {
				if _, err := p.Claim(nil); err == nil {
					mu.Lock()
					defer mu.Unlock()
					taken++
				}
			})
		}
		all.Wait()
		if taken != 1 {
			t.Errorf("taken %d times", taken)
		}
		_, err := p.Claim(nil)
		wantRefused(t, err, ReasonUsed)

		// No stream came of it: it is good again.
		p = must(tickets.Authenticate(withTicket(must(tickets.Issue(Grant{User: "alice", Once: true})).Text)))
		release := must(p.Claim(nil))
		release()
		if _, err := p.Claim(nil); err != nil {
			t.Errorf("after it was given back: %v", err)
		}

		// What has expired is not remembered.
		for i := range 5000 {
			if i == 2000 {
				<-time.After(2 * time.Minute)
			}
			must(tickets.claim(&sealed{ID: fmt.Sprint(i), Issued: time.Now().UnixMilli(), Expires: time.Now().Add(time.Minute).UnixMilli()}, "", nil))
		}
		if n := len(tickets.used); n > 3000 {
			t.Errorf("%d used tickets are remembered, want at most the 3000 that have not expired", n)
		}
	})
}

func TestTicketsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := must(NewTickets(secret, time.Minute))
		ticket := must(tickets.Issue(Grant{User: "alice", TTL: time.Second}))
		<-time.After(999 * time.Millisecond)
		if _, err := tickets.Authenticate(withTicket(ticket.Text)); err != nil {
			t.Error(err)
		}
		<-time.After(time.Millisecond)
		_, err := tickets.Authenticate(withTicket(ticket.Text))
		wantRefused(t, err, ReasonExpired)
	})
}

func TestGrantsRefused(t *testing.T) {
	tickets := must(NewTickets(secret, 0))
	for name, g := range map[string]Grant{
		"nothing":                   {},
		"a stream only":             {Stream: "orders"},
		"a subject only":            {Subject: "o-1"},
		"both":                      {User: "alice", Stream: "orders", Subject: "o-1"},
		"too long":                  {User: strings.Repeat("u", MaxUser+1)},
		"not UTF-8":                 {User: "\xff"},
		"for ever":                  {User: "alice", TTL: MaxTicketTTL + 1},
		"before now":                {User: "alice", TTL: -1},
		"roles of a subject":        {Stream: "orders", Subject: "o-1", Roles: []string{"staff"}},
		"an empty role":             {User: "alice", Roles: []string{""}},
		"many roles":                {User: "alice", Roles: make([]string, MaxRoles+1)},
		"more than goes into a URL": {User: "alice", Roles: slices.Repeat([]string{strings.Repeat("r", maxRole)}, MaxRoles)},
	} {
		if _, err := tickets.Issue(g); err == nil {
			t.Errorf("%s: a ticket is issued", name)
		}
	}
	if _, err := NewTickets(secret[:31], 0); err == nil || !strings.Contains(err.Error(), "31 bytes") {
		t.Errorf("a short secret: %v", err)
	}
	if _, err := NewTickets(secret, MaxTicketTTL+1); err == nil {
		t.Error("a ttl out of bounds")
	}
}

func FuzzTicket(f *testing.F) {
	tickets := must(NewTickets(secret, time.Hour))
	good := must(tickets.Issue(Grant{User: "alice"})).Text
	f.Add(good[:len(good)-2])
	f.Add(ticketPrefix)
	f.Add(must(must(NewTickets([]byte(strings.Repeat("x", 32)), 0)).Issue(Grant{User: "alice"})).Text)
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := tickets.Authenticate(withTicket(text)); err == nil && text != good {
			t.Errorf("%q is let in as %+v", text, p)
		}
	})
}
