package main

import (
	"net/netip"
	"time"

	"postward/internal/guard/guess"
	"postward/internal/log/logins"
	"postward/internal/log/maillog"
	"postward/internal/mail/message"
	"postward/internal/wire/netinfo"
)

// ward is postward's detector as the daemon puts it together: the grammar, the joiner, the watch. It knows which accounts there are.
// Of networks of the operator's own and of webmail hosts it is told nothing, which is the hardest case.
type ward struct {
	line     maillog.Line
	joiner   *logins.Joiner
	watch    *guess.Watch
	where    *netinfo.Table
	accounts map[string]bool
	at       map[string]places
	last     time.Time
	now      time.Time // by which stamps get their year
}

func newWard(accounts []string) *ward {
	w := &ward{joiner: logins.New(), watch: guess.New(), where: netinfo.Embedded(), accounts: map[string]bool{}, at: map[string]places{}, now: begin.Add(2 * length)}
	for _, a := range accounts {
		w.accounts[message.Account(a)] = true
	}
	return w
}

// kinds are the detector's words for the joiner's.
var kinds = map[logins.Kind]guess.Kind{
	logins.Failed: guess.Failed, logins.Good: guess.Good, logins.Aborted: guess.Aborted, logins.Pregreet: guess.Pregreet,
	logins.Relay: guess.Relay, logins.NoMailbox: guess.NoMailbox, logins.NotSMTP: guess.NotSMTP, logins.Taken: guess.Taken,
}

// Line takes the next line of the log.
func (w *ward) Line(text []byte) {
	if !maillog.Parse(text, &w.line) {
		return
	}
	w.last = w.line.Stamp.Next(w.last, w.now)
	a := w.joiner.Line(text, &w.line, w.last)
	kind, known := kinds[a.Kind]
	if !known {
		return
	}
	asn, sent := w.where.Lookup(a.Client).ASN, a.Service == logins.SMTP
	found := w.watch.Take(guess.Attempt{Kind: kind, At: a.At, Client: a.Client, ASN: asn, Account: a.Account,
		Exists: w.accounts[a.Account], Home: w.at[a.Account].home(a.Client, asn, a.At), To: a.To, Times: a.Times})
	if kind == guess.Good && len(found) == 0 && a.Account != "" {
		w.at[a.Account] = w.at[a.Account].note(a.Client, asn, a.At, sent)
	}
}

// Shut asks as the packet filter does and, of one who tries to log in, as Dovecot does.
func (w *ward) Shut(a netip.Addr, account string, at time.Time) answer {
	switch {
	case w.watch.Banned(a, at) != nil:
		return banned
	case account != "" && w.watch.May(message.Account(account), a, w.at[message.Account(account)].home(a, w.where.Lookup(a).ASN, at), false, at) != "":
		return locked
	}
	return through
}

// places are from where an account wrote and read, and since when. They stand for what the guard's State knows of it, in the guard's
// spirit: an address that mail came from, or a network, is familiar from the day after on.
type places struct {
	addresses map[netip.Prefix]time.Time
	systems   map[uint32]time.Time
}

func (p places) home(a netip.Addr, asn uint32, now time.Time) guess.Home {
	if since, is := p.addresses[guess.Source(a)]; is && now.Sub(since) >= day {
		return guess.AtAddress
	}
	if since, is := p.systems[asn]; is && now.Sub(since) >= day && asn != 0 {
		return guess.AtNetwork
	}
	return guess.Abroad
}

func (p places) note(a netip.Addr, asn uint32, now time.Time, sent bool) places {
	if p.systems == nil {
		p = places{map[netip.Prefix]time.Time{}, map[uint32]time.Time{}}
	}
	if _, is := p.systems[asn]; !is {
		p.systems[asn] = now
	}
	if _, is := p.addresses[guess.Source(a)]; !is && sent {
		p.addresses[guess.Source(a)] = now
	}
	return p
}
