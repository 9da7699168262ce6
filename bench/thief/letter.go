package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"postward/internal/guard"
)

// letter is to whom a mail goes, and who of them counts.
type letter struct {
	to        []string
	strangers []int // by number
	contacts  []int // by place in the owner's list
	whom      whom
}

// use takes a letter's strangers out of those that nobody has used.
func (l *letter) use(t *thief) {
	n := len(l.strangers)
	switch l.whom {
	case strangers:
		t.next += n
	case collided:
		t.clashes += n
	case prepared:
		t.ready = t.ready[n:]
	case own:
		t.mailbox += len(l.to)
	}
}

// ownMailboxes is how many mailboxes of the thief's own a campaign has.
const ownMailboxes = 12

// collidedFrom numbers the strangers of field.collided.
const collidedFrom = 1 << 24

// colleaguesFrom numbers the colleagues among the people whom an account knows. There are more of them than accounts.
const (
	colleaguesFrom  = 1 << 20
	colleaguesInAll = 300
)

func (s *site) colleague(n int) string {
	if n < len(s.people) {
		return s.people[n].address()
	}
	return fmt.Sprintf("colleague%d@%s", n, domain)
}

// address fills in n recipients of a move's kind, as far as there are so many, and the known people beside them.
func (t *thief) address(m *move, account, n int) letter {
	l := letter{whom: m.to}
	for i := range n {
		t.add(&l, m.to, account, i)
	}
	if len(l.to) == 0 {
		return l
	}
	if m.tagged {
		t.tag(l.to)
		l.contacts = nil // to the account a tagged form is a stranger: it spends the strangers' budget, and is no mail to people it knows
	}
	for i := range m.with {
		t.add(&l, contacts, account, i)
	}
	return l
}

// tag puts a tag on addresses that have none: what it is read as is the receiving server's affair.
func (t *thief) tag(to []string) {
	for i, address := range to {
		local, host, _ := strings.Cut(address, "@")
		if !strings.Contains(local, "+") {
			to[i] = local + "+" + strconv.Itoa(t.mails) + "@" + host
		}
	}
}

// add adds the i-th recipient of a kind.
func (t *thief) add(l *letter, to whom, account, i int) {
	switch to {
	case strangers:
		l.stranger(t.next+i, t.field.names)
	case prepared:
		if i < len(t.ready) {
			l.stranger(t.ready[i], t.field.names)
		}
	case collided:
		if i+t.clashes < len(t.field.collided) {
			l.to, l.strangers = append(l.to, t.field.collided[i+t.clashes]), append(l.strangers, collidedFrom+i+t.clashes)
		}
	case own:
		if i < ownMailboxes {
			l.to = append(l.to, "me@own"+strconv.Itoa((t.mailbox+i)%ownMailboxes)+".example")
		}
	case contacts:
		t.contact(l, account, i)
	case staff:
		n := (t.mails*7 + i) % colleaguesInAll
		l.to, l.contacts = append(l.to, t.field.site.colleague(n)), append(l.contacts, colleaguesFrom+n)
	}
}

func (l *letter) stranger(n int, names []string) {
	if n < len(names) {
		l.to, l.strangers = append(l.to, names[n]), append(l.strangers, n)
	}
}

// contact adds somebody whom the account knows; a host knows one.
func (t *thief) contact(l *letter, account, i int) {
	if t.row.hosted {
		l.to = append(l.to, "office@"+domain)
		return
	}
	p := t.field.site.people[t.c.accounts[account]]
	if len(p.contacts) == 0 || i >= len(p.contacts) {
		return
	}
	n := (t.mails*7 + i) % len(p.contacts)
	if !slices.Contains(l.contacts, n) {
		l.to, l.contacts = append(l.to, p.contacts[n]), append(l.contacts, n)
	}
}

// mail is the i-th mail of a move, from a way.
func (t *thief) mail(m *move, i, account int, from way, to []string) *guard.Transaction {
	text := map[text]uint64{sameText: 0x5bd1e9955bd1e995}[m.text]
	if m.text == variedText {
		text = (uint64(t.mails) + 1) * 0x9e3779b97f4a7c15
	}
	n := t.c.accounts[account]
	if t.row.hosted {
		return hostAccounts[n].mail(to, text, t.now)
	}
	p := t.field.site.people[n]
	mail := p.mail(from.place(p, i%max(m.spread, 1)), to, text, t.now)
	mail.Mailer = t.programOf(m, p)
	return mail
}

func (t *thief) programOf(m *move, p *person) string {
	switch {
	case m.program == ownersProgram && t.row.copies:
		return p.program
	case m.program == noProgram:
		return ""
	case m.program == anyProgram:
		return fmt.Sprintf("mailer %d", t.mails)
	}
	return "mailer"
}

// collisionsOf returns addresses of different strangers with a target's hash.
func collisionsOf(target string, rounds int, seed uint64) []string {
	found := newCollider(target, 400, seed).find(rounds)
	var all []string
	for n := range 400 {
		if found[n] != "" {
			all = append(all, found[n])
		}
	}
	return all
}
