package main

import (
	"cmp"
	"net/netip"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/log/logins"
	"postward/internal/log/maillog"
	"postward/internal/mail/message"
	"postward/internal/wire/netinfo"
)

// ward is postward's detector as the daemon puts it together: the grammar, the joiner, the watch, and what the guard knows of the
// accounts. It was there a month before the log begins. Of networks of the operator's own and of webmail hosts it is told nothing,
// and passwords are not compared, which is the hardest case: the log alone.
type ward struct {
	line   maillog.Line
	joiner *logins.Joiner
	watch  *guess.Watch
	state  *guard.State
	where  *netinfo.Table
	last   time.Time
	now    time.Time // by which stamps get their year
}

func newWard(s *site) *ward {
	w := &ward{joiner: logins.New(), watch: guess.New(), state: guard.New(), where: s.table, now: begin.Add(2 * length)}
	for _, p := range s.people {
		guard.Apply(w.state, &guard.Event{Kind: guard.KindAllowed, At: guard.TimeOf(begin.Add(-60 * day)), Account: p.account, Listing: &guard.Listing{}})
		for days := range 40 {
			at := begin.Add(time.Duration(days-40) * day)
			for _, a := range []netip.Addr{p.home.addr, p.carrier.Addr()} {
				w.reads(p.account, a, w.asn(a), at)
			}
		}
	}
	return w
}

// reads notes from where an account's mail is read, as the daemon does.
func (w *ward) reads(account string, client netip.Addr, asn uint32, at time.Time) {
	e := &guard.Event{Kind: guard.KindLogin, At: guard.TimeOf(at), Account: account, Network: guard.Network(client), ASN: asn}
	if guard.LoginTells(w.state, account, e.Network, e.ASN, e.At) {
		guard.Apply(w.state, e)
	}
}

// Line takes the next line of the log.
func (w *ward) Line(text []byte) {
	if !maillog.Parse(text, &w.line) {
		return
	}
	if w.line.Kind.Understood() {
		w.last = w.line.Stamp.Next(w.last, w.now)
	}
	a := w.joiner.Line(text, &w.line, w.last)
	x, ok := a.Guess()
	if !ok {
		return
	}
	if x.Kind.Asks() {
		x.ASN = w.asn(a.Client)
		if name := w.accountOf(a.Account); name != "" {
			x.Account, x.Exists, x.Home = name, true, w.home(name, a.Client, x.ASN)
		}
	}
	w.watch.Take(x)
	if a.Kind == logins.Good && w.line.Kind == maillog.MailboxLogin {
		w.reads(a.Account, a.Client, x.ASN, a.At)
	}
}

func (w *ward) asn(a netip.Addr) uint32 { return w.where.Lookup(a).ASN }

// accountOf finds the account that a name means, with or without the domain; empty: there is none.
func (w *ward) accountOf(name string) string {
	if name != "" && !strings.Contains(name, "@") {
		name += "@example.org"
	}
	if name == "" || w.state.Account(name) == nil {
		return ""
	}
	return name
}

func (w *ward) home(account string, client netip.Addr, asn uint32) guess.Home {
	switch guard.Home(w.state, account, client, asn) {
	case guard.LevelAddress:
		return guess.AtAddress
	case guard.LevelNetwork:
		return guess.AtNetwork
	}
	return guess.Abroad
}

// Shut asks as the packet filter does, which lets those at port 25 who are kept from logging in alone, and, of one who tries to log
// in, as Dovecot does.
func (w *ward) Shut(a netip.Addr, account string, at time.Time) answer {
	name := message.Account(account)
	name = cmp.Or(w.accountOf(name), name)
	b := w.watch.Banned(a, at)
	switch {
	case b != nil && (account != "" || !b.Logins):
		return banned
	case account != "" && w.watch.May(guess.Login{Account: name, Client: a, ASN: w.asn(a), Home: w.home(name, a, w.asn(a)), At: at}) != "":
		return locked
	}
	return through
}
