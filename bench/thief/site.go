package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"postward/internal/guard"
)

// domain is where every account of the site lives.
const domain = "site.example"

// partner is somebody to whom everybody of the site writes: its landlord, say. A thief who can make an address with the
// partner's hash has it for every account.
const partner = "info@partner.example"

// historyDays is how long the site has been watched when the thief comes.
const historyDays = 60

// The site begins on a Monday, in UTC.
var begin = guard.TimeOf(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))

// site is a server with a history, which is only read from then on: each campaign has a copy.
type site struct {
	state  *guard.State
	people []*person
	start  guard.Time // when the thief comes: a Monday, 08:00
}

// person is an account and what its owner does.
type person struct {
	name     string
	number   int
	country  string
	home     place
	mobile   place // its network; the address changes every day
	office   bool  // writes from the office's network too
	program  string
	contacts []string // whom its owner wrote to before the thief came, in that order
	grow     int      // contacts that it will have
	perDay   int      // mails on a weekday
	from, to int      // days of the history on which it writes
}

// place is a source as the network shows it.
type place struct {
	client  netip.Addr
	asn     uint32
	country string
}

func (p *person) address() string { return p.name + "@" + domain }

// at returns the n-th address of an owner's network, n in 0..255.
func (p place) at(n int) place {
	a := p.client.As4()
	a[3] = byte(n)
	p.client = netip.AddrFrom4(a)
	return p
}

var officePlace = place{netip.MustParseAddr("198.51.100.1"), 64530, "CH"}

// newSite makes the site and lets it live for historyDays.
func newSite(seed uint64) *site {
	w := newWorld(guard.New())
	w.apply(&guard.Event{Key: "policy:shadow", Kind: guard.KindPolicy, At: begin, Policy: policy(guard.Shadow)})
	s := &site{people: newPeople()}
	rng := rand.New(rand.NewPCG(seed, 0))
	for day := range historyDays {
		s.day(w, rng, day)
	}
	s.start = begin.Add(historyDays*24*time.Hour + 80*time.Hour) // day 60 is a Friday
	w.until(s.start)
	w.apply(&guard.Event{Key: "policy:enforce", Kind: guard.KindPolicy, At: s.start, Policy: policy(guard.Enforce)})
	w.release(s.start)
	s.state = w.state
	for _, p := range s.people {
		p.contacts = slices.DeleteFunc(p.contacts, func(to string) bool { return !s.knows(p, to) })
	}
	return s
}

// knows reports whether a person's account knows somebody: whom it wrote to when shadow mode would have held it, it does not.
func (s *site) knows(p *person, to string) bool {
	v := guard.Judge(s.state, transaction(p.name, p.address(), p.home, []string{to}, s.start))
	return v.Known == 1
}

// policy is the default one with every subject in a mode, on a site with a network and a webmail host of its own.
func policy(m guard.Mode) *guard.Policy {
	p := guard.DefaultPolicy()
	for _, s := range guard.Subjects {
		p.Modes[s] = m
	}
	p.Domains = []string{domain}
	p.Own = append(p.Own, netip.MustParsePrefix("10.1.0.0/24"))
	p.Webmail = []netip.Prefix{netip.MustParsePrefix("198.51.100.200/32")}
	return p
}

// newPeople are three dozen accounts: two thirds in Switzerland, some abroad; two who know many; one who came five
// days ago, one who has not written for weeks, one that was never used.
func newPeople() []*person {
	var all []*person
	for n := range 36 {
		all = append(all, newPerson(n))
	}
	all[1].grow, all[2].grow = 180, 120
	all[1].perDay, all[2].perDay = 9, 7
	all[3].from = historyDays - 5
	all[4].to = 9
	all[5].to = 0
	return all
}

func newPerson(n int) *person {
	p := &person{name: fmt.Sprintf("p%02d", n), number: n, country: "CH", office: n%3 != 0, program: programs[n%len(programs)],
		grow: 12 + n*7%40, perDay: 2 + n%4, to: historyDays}
	p.home = place{netip.AddrFrom4([4]byte{100, 64, byte(n), 7}), 64500 + uint32(n%4), "CH"}
	p.mobile = place{netip.AddrFrom4([4]byte{100, 65, byte(n), 0}), 64510, "CH"}
	if n%4 == 3 { // colleagues in another country
		p.country, p.home.country, p.mobile.country, p.office = "DE", "DE", "DE", false
		p.home.asn, p.mobile.asn = 64520, 64521
	}
	return p
}

var programs = []string{"Mozilla Thunderbird", "Microsoft Outlook 16.0", "Apple Mail (2.3774)"}

// day lets everybody write and be written to.
func (s *site) day(w *world, rng *rand.Rand, day int) {
	midnight := begin.Add(time.Duration(day) * 24 * time.Hour)
	for _, p := range s.people {
		if day == p.from || day == 0 && p.from == 0 {
			w.apply(&guard.Event{Key: "allow:" + p.name, Kind: guard.KindAllowed, At: midnight, Account: p.name, Listing: &guard.Listing{}})
		}
	}
	if day%7 > 4 {
		return
	}
	w.hosts(midnight.Add(6 * time.Hour))
	for minute := range 10 * 60 {
		now := midnight.Add(8*time.Hour + time.Duration(minute)*time.Minute)
		for _, p := range s.people {
			if day >= p.from && day < p.to && rng.IntN(600) < p.perDay {
				p.writes(w, rng, day, now)
			}
		}
	}
}

// writes is one ordinary mail, and perhaps its answer.
func (p *person) writes(w *world, rng *rand.Rand, day int, now guard.Time) {
	to := []string{p.contact(rng, day)}
	if rng.IntN(6) == 0 {
		if other := p.contact(rng, day); other != to[0] {
			to = append(to, other)
		}
	}
	w.submit(p.mail(p.place(rng, day), to, rng.Uint64(), now), &sent{account: p.name, to: to})
	if rng.IntN(3) == 0 {
		w.inbound(to[0], p.address(), now.Add(time.Second))
	}
}

// contact is somebody whom p wrote to before, or now and then somebody new until p knows as many as it will.
func (p *person) contact(rng *rand.Rand, day int) string {
	room := p.grow * (day - p.from + 8) / (historyDays - p.from - 10)
	if n := len(p.contacts); n == 0 || n < min(room, p.grow) && rng.IntN(2) == 0 {
		name := fmt.Sprintf("c%d.%d@contacts%d.example", p.number, n, n%9)
		if n == 0 {
			name = partner
		}
		p.contacts = append(p.contacts, name)
		return name
	}
	return p.contacts[rng.IntN(len(p.contacts))]
}

func (p *person) place(rng *rand.Rand, day int) place {
	switch n := rng.IntN(10); {
	case n < 4 && p.office:
		return officePlace
	case n < 8:
		return p.home
	}
	return p.mobile.at(day)
}

// mail is a transaction of p's account.
func (p *person) mail(from place, to []string, text uint64, now guard.Time) *guard.Transaction {
	t := transaction(p.name, p.address(), from, to, now)
	t.Mailer, t.Fingerprint = p.program, text
	return t
}

func transaction(login, address string, from place, to []string, now guard.Time) *guard.Transaction {
	return &guard.Transaction{
		Stage: guard.StageEnd, At: now, MailAt: now, Direction: guard.Submission, Login: login,
		ReversePath: address, Authors: []string{address}, Recipients: to, Zone: 60,
		Client: from.client, ASN: from.asn, Country: from.country,
	}
}

// hosts is the mail of the host itself and of a printer, which nobody has declared.
func (w *world) hosts(now guard.Time) {
	for _, h := range hostAccounts {
		to := []string{"office@" + domain}
		w.submit(h.mail(to, 0, now), &sent{account: h.name, to: to})
	}
}
