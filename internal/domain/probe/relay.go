package probe

import (
	"context"
	"crypto/tls"
	"strings"
)

const (
	maxOwn         = 5             // own domains that Relay tries
	maxConnections = 4             // of Relay: a host that breaks off is asked again, not for ever
	somewhere      = "example.com" // resolves, and is nobody's: RFC 2606 section 3
	elsewhere      = "example.net"
	nobody         = "postward-relay-test" // a local part that nobody has
)

// Try is one attempt to have mail relayed.
type Try struct {
	Name    string   `json:"name"` // which trick
	From    string   `json:"from"` // as given in MAIL, without brackets; empty: the null reverse-path
	To      string   `json:"to"`   // as given in RCPT, without brackets
	Reply   Reply    `json:"reply,omitzero"`
	Relayed Answer   `json:"relayed"`
	Problem *Problem `json:"problem,omitempty"` // when there is no reply
}

// Relay tries whether a host takes mail from strangers to strangers. MAIL and RCPT are said, then RSET; never DATA, so nothing
// is sent. It is for hosts of the operator's own: each try looks like an attack in their logs.
//
// The answer holds for the address that is asked from: a host relays for its own networks with good reason. What is addressed
// to an own domain in a way that old software turns into somebody else's address counts as relayed only when the host
// refuses an ordinary recipient there that does not exist; a host that takes everything for its domain says nothing by that.
//
// The addresses outside are in example.com and example.net: they must resolve, or many hosts refuse the name before they
// come to the question, and every other domain that resolves is somebody's. These two have a null MX (RFC 7505), and a host
// that refuses them for that (5.1.10, 5.7.27) leaves the answer unknown.
func Relay(ctx context.Context, c Config, t Target, own []string) []Try {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	a := &attempts{config: &c, target: t, left: maxConnections}
	tries := a.list(own[:min(len(own), maxOwn)])
	for i := range tries {
		a.make(ctx, &tries[i])
	}
	if a.s != nil {
		_ = a.s.close() // everything is known by now
	}
	hold(tries)
	return tries
}

// The names of the tries that are addressed to an own domain. An accepted one is relayed only if control is refused.
const (
	control = "nobody in an own domain"
	percent = "percent hack"
	bang    = "bang path"
	quoted  = "quoted"
)

// attempts are tries on one connection after another.
type attempts struct {
	config *Config
	target Target
	left   int      // connections that may still be made
	s      *session // nil: none is open
	failed *Problem // why there is none
}

// list is every try, with a set of its own for each own domain.
func (a *attempts) list(own []string) []Try {
	to, from := nobody+"@"+somewhere, nobody+"@"+elsewhere
	host := "[" + a.target.Addr.Addr().Unmap().String() + "]"
	if !a.target.Addr.Addr().Unmap().Is4() {
		host = "[IPv6:" + a.target.Addr.Addr().WithZone("").String() + "]"
	}
	tries := []Try{
		{Name: "outside to outside", From: from, To: to},
		{Name: "null sender to outside", From: "", To: to},
		{Name: "a sender without a domain", From: nobody, To: to},
		{Name: "a sender at the host's address", From: nobody + "@" + host, To: to},
		{Name: percent + " without a domain", From: from, To: nobody + "%" + somewhere},
		{Name: bang + " without a domain", From: from, To: somewhere + "!" + nobody},
	}
	for _, domain := range own {
		domain = mailDomain(domain)
		if domain == "" {
			continue
		}
		tries = append(tries,
			Try{Name: control, From: from, To: nobody + "@" + domain},
			Try{Name: "an own sender without a login", From: nobody + "@" + domain, To: to},
			Try{Name: percent, From: from, To: nobody + "%" + somewhere + "@" + domain},
			Try{Name: bang, From: from, To: somewhere + "!" + nobody + "@" + domain},
			Try{Name: quoted, From: from, To: `"` + to + `"@` + domain},
			Try{Name: "source route", From: from, To: "@" + domain + ":" + to},
		)
	}
	return append(tries, Try{Name: percent + " at the host's address", From: from, To: nobody + "%" + somewhere + "@" + host})
}

// mailDomain is a domain that can stand in a command, or nothing.
func mailDomain(name string) string {
	if name = hostOf(strings.TrimSpace(name)); strings.ContainsAny(name, ":[]") {
		return ""
	}
	return name
}

// make makes one try.
func (a *attempts) make(ctx context.Context, t *Try) {
	if a.s == nil && !a.reach(ctx) {
		t.Problem = a.failed
		return
	}
	p := a.say(t)
	if p == nil || p.Reply.Code != 0 {
		_, p = a.s.command(Mail, 2, "RSET")
	}
	if p != nil { // this connection is of no more use
		_ = a.s.close()
		a.s = nil
	}
}

// say says MAIL and RCPT; what was said last is the answer.
func (a *attempts) say(t *Try) *Problem {
	reply, p := a.s.command(Mail, 2, "MAIL FROM:<"+t.From+">")
	if p == nil {
		reply, p = a.s.command(Mail, 2, "RCPT TO:<"+t.To+">")
	}
	t.Reply, t.Relayed = reply, relayed(reply)
	if reply.Code == 0 {
		t.Problem = p
	}
	return p
}

// reach makes a connection, with TLS where that is offered: a host that insists on it would say nothing else.
func (a *attempts) reach(ctx context.Context) bool {
	if a.left == 0 || ctx.Err() != nil {
		if a.failed == nil {
			a.failed = &Problem{Step: Connect, Fault: Closed, Detail: "the host broke off too often"}
		}
		return false
	}
	a.left--
	s, p := mailReady(ctx, a.config, a.target)
	if p != nil {
		if s != nil {
			_ = s.close() // what matters is in p
		}
		a.failed = p
		return false
	}
	a.s, a.failed = s, nil
	return true
}

// mailReady connects and comes to where MAIL can be said. The session is nil only when there is no connection.
func mailReady(ctx context.Context, c *Config, t Target) (*session, *Problem) {
	s, p := converse(ctx, c, t, new(chain).config(t.Name, tls.VersionTLS10, tls.VersionTLS13, ""), "")
	switch {
	case p == nil:
		_, p = s.hello(HelloSecure)
	case p.Step == StartTLS && p.Reply.Code != 0 || p.Fault == NotOffered:
		p = nil // then in the clear
	}
	return s, p
}

// relayed reads the last reply of a try.
func relayed(r Reply) Answer {
	switch {
	case r.Code == 250 || r.Code == 251:
		return Yes
	case r.Code/100 != 5:
		return Unknown // 252 and 4yz: not decided
	}
	switch e := r.Enhanced(); {
	case e == "5.1.10", e == "5.7.27", e == "5.1.2", e == "5.1.8", r.Code == 556: // the name is refused, not the relaying
		return Unknown
	}
	return No
}

// hold holds what was accepted for an own domain against the control of that domain, which is no relaying itself.
func hold(tries []Try) {
	sure := false
	for i := range tries {
		switch t := &tries[i]; t.Name {
		case control:
			sure = t.Relayed == No
			if t.Relayed == Yes {
				t.Relayed = Unknown
			}
		case percent, bang, quoted:
			if t.Relayed == Yes && !sure {
				t.Relayed = Unknown
			}
		case percent + " without a domain", bang + " without a domain", percent + " at the host's address":
			if t.Relayed == Yes {
				t.Relayed = Unknown // it may be the name of a mailbox here
			}
		}
	}
}
