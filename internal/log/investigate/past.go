package investigate

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"postward/internal/guard"
	"postward/internal/log/delivery"
	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// What was before the time from which on is reported is not judged: who was stopped then would be unknown for ever. It is learned
// when the first mail is judged, as attach learns from old logs.

// maxContacts bounds the recipients that are learned of one mail.
const maxContacts = 100

// remembered takes a mail that is too old to be reported.
func (i *Investigation) remembered(m *delivery.Mail) {
	r := i.replay
	p := r.past[m.Account]
	if p == nil {
		if r.past == nil || len(r.past) >= maxAccounts {
			return
		}
		p = &guard.Past{}
		r.past[m.Account] = p
	}
	i.noteFrom(m)
	asn, country := i.options.Where(m.Client)
	from, at := message.Canonical(m.From), guard.TimeOf(m.Arrived)
	p.Note(m.Client, asn, country, reached(m), func(to string) bool { return r.letters.Answers(from, to, at) }, at)
}

// came notes to whom a stranger wrote, before the time that is reported.
func (r *replay) came(m *delivery.Mail) {
	from := message.Canonical(m.From)
	for _, to := range reached(m) {
		r.letters.Wrote(from, to, guard.TimeOf(m.Arrived))
	}
}

// reached are the recipients of a mail whose servers took it, as its client named them.
func reached(m *delivery.Mail) []string {
	var to []string
	for k := range m.Deliveries {
		if d := &m.Deliveries[k]; d.Status == maillog.StatusSent && len(to) < maxContacts {
			to = append(to, message.Canonical(d.Name()))
		}
	}
	slices.Sort(to)
	return slices.Compact(to)
}

// learn hands over what was before, once.
func (r *replay) learn(now guard.Time) {
	for _, account := range slices.Sorted(maps.Keys(r.past)) {
		r.allow(account, r.past[account].First)
		r.apply(&guard.Event{Key: "learned:" + account, Kind: guard.KindLearned, At: now, Account: account, Past: r.past[account]})
	}
	r.past = nil
}

// allow puts an account on the list.
func (r *replay) allow(account string, now guard.Time) {
	r.apply(&guard.Event{Key: "allow:" + account, Kind: guard.KindAllowed, At: now, Account: account, Listing: &guard.Listing{Addresses: []string{"*"}}})
}

// earlier is where an account wrote from before what is reported.
type earlier struct {
	begun time.Time
	from  map[netip.Addr]time.Time // the first mail from there
}

func (i *Investigation) noteFrom(m *delivery.Mail) {
	e := i.earlier[m.Account]
	if e == nil {
		e = &earlier{m.Arrived, map[netip.Addr]time.Time{}}
		i.earlier[m.Account] = e
	}
	network := guard.Network(m.Client)
	if _, known := e.from[network]; m.Client.IsValid() && !known && len(e.from) < maxSources {
		e.from[network] = m.Arrived
	}
}

// settleBegun notes when an account began to write, and from where, before what is reported.
func (a *Account) settleBegun(e *earlier) {
	a.begun = a.First
	if e != nil {
		a.begun = e.begun
	}
	for _, s := range a.Sources {
		s.begun = s.First
		if e == nil {
			continue
		}
		if at, known := e.from[s.Network]; known {
			s.begun = at
		}
	}
	a.moved = e != nil && !slices.ContainsFunc(keptOf(a.Sources), func(s *Source) bool { _, known := e.from[s.Network]; return known })
}
