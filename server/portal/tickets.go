package portal

import (
	"net/http"
	"time"

	"sluice/server/auth"
	"sluice/server/response"
)

// ticketView is a ticket as its owner sees it.
type ticketView struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Streams []string  `json:"streams"` // null: all that its owner may read
	State   string    `json:"state"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

func viewTicket(s shown, now time.Time) ticketView {
	return ticketView{s.ID, s.Name, s.Streams, s.state(now), *response.UTC(s.Created), *response.UTC(s.Expires)}
}

type ticketList struct {
	Tickets []ticketView `json:"tickets"`
}

type madeTicket struct {
	Ticket string `json:"ticket"`
	ticketView
}

// ListTickets answers GET /portal/tickets.
func (p *Portal) ListTickets(w http.ResponseWriter, r *http.Request) {
	who, ok := p.developer(w, r)
	if !ok {
		return
	}
	now, list := time.Now(), ticketList{Tickets: []ticketView{}}
	for _, s := range p.keys.ofOwner(who.User, KindTicket, now) {
		list.Tickets = append(list.Tickets, viewTicket(s, now))
	}
	response.JSON(w, http.StatusOK, list)
}

// MakeTicket answers POST /portal/tickets. A ticket is sealed, so every gateway takes it
// at once. The topic has it so that its owner sees it and can end it.
func (p *Portal) MakeTicket(w http.ResponseWriter, r *http.Request) {
	who, ok := p.changer(w, r, true)
	if !ok {
		return
	}
	var asked struct {
		Name    string   `json:"name"`
		Streams []string `json:"streams"` // absent: all that the caller may read
		TTL     string   `json:"ttl"`     // absent: as configured
	}
	refused := p.read(w, r, &asked)
	if refused == nil {
		refused = p.keepTicket(w, r, who, asked.Name, asked.Streams, asked.TTL)
	}
	if refused != nil {
		p.host.Deny(w, r, refused)
	}
}

func (p *Portal) keepTicket(w http.ResponseWriter, r *http.Request, who auth.Principal, name string, streams []string, ttl string) *response.Problem {
	if !IsName(name) {
		return badName()
	}
	lasts, err := span("ttl", ttl, 0, auth.MaxTicketTTL, true)
	if err != nil {
		return badBody(err.Error())
	}
	if streams, err = p.narrowed(streams, who); err != nil {
		return badBody(err.Error())
	}
	now := time.Now()
	if refused := p.room(who, KindTicket, now); refused != nil {
		return refused
	}
	ticket, err := p.cfg.Tickets.Issue(auth.Grant{User: who.User, Roles: who.Roles, Streams: streams, TTL: lasts})
	if err != nil {
		return badBody(err.Error())
	}
	record := &Record{
		Kind: KindTicket, ID: ticket.ID, Owner: who.User, Name: name, Streams: streams,
		Created: now.UTC().Truncate(time.Millisecond), Expires: ticket.Expires.UTC(),
	}
	if !p.store(w, r, record, now) {
		return nil
	}
	p.cfg.Logger.InfoContext(r.Context(), "a developer made a ticket", "audit", true, "user", who.User, "streams", streams, "expires", record.Expires, "address", p.host.Address(r))
	e, ended := p.keys.get(record.ID)
	response.JSON(w, http.StatusCreated, madeTicket{ticket.Text, viewTicket(shown{e, ended}, now)})
	return nil
}

// RevokeTicket answers DELETE /portal/tickets/{id}.
func (p *Portal) RevokeTicket(w http.ResponseWriter, r *http.Request) { p.revokeOwn(w, r, KindTicket) }
