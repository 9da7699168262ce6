package investigate

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/log/delivery"
	"postward/internal/mail/message"
)

// Bounds of what is remembered of mail without a login.
const (
	maxClients = 2000
	maxSenders = 20  // domains of reverse-paths, a client
	maxDomains = 100 // of recipients, a client and domain of reverse-paths
	maxOwn     = 20_000
)

// How much mail without a login from one client, to recipients that are not this server's, is relaying: some recipients at
// several domains, or many.
const (
	relayedDomains = 3
	relayedFew     = 10
	relayedMany    = 50
)

// hosts is from how many networks a domain gets mail without a login if this server is its exchanger.
const hosts = 4

// Relay is a client that sent mail through this server without a login, from and to domains that are not its own.
type Relay struct {
	Client     netip.Addr `json:"client"`
	ASN        uint32     `json:"asn,omitempty"`
	Country    string     `json:"country,omitempty"`
	Mails      int        `json:"mails"`
	Recipients int        `json:"recipients"`
	From       []string   `json:"from"` // domains of the reverse-paths, some of them
	First      time.Time  `json:"first"`
	Last       time.Time  `json:"last"`
}

// relays is mail without a login that went out again, and what tells whose domains are whose.
type relays struct {
	clients map[netip.Addr]map[string]*flow // by the domain of the reverse-path
	domains map[string]*domain
}

// flow is what a client sent from one domain.
type flow struct {
	mails       int
	more        int // recipients of whom no more is known
	to          map[string]*Receiver
	first, last time.Time
}

// domain is what the log says of one.
type domain struct {
	local   bool         // mail for it is delivered here
	near    bool         // or handed to a host of a private network
	account bool         // an account writes from it
	away    bool         // a server elsewhere gets its mail
	from    []netip.Addr // networks that sent it mail without a login, up to hosts
}

func newRelays() relays {
	return relays{clients: map[netip.Addr]map[string]*flow{}, domains: map[string]*domain{}}
}

// own reports whether a domain is this server's, as far as the log says: it is delivered here, written from by accounts, or many
// networks send it mail, which they would not to a stranger's server. To those where everybody has a mailbox, thieves do.
func (s *relays) own(name string) bool {
	d := s.domains[name]
	switch {
	case d == nil:
		return false
	case d.local:
		return true
	case d.near || d.account:
		return !d.away
	}
	return len(d.from) >= hosts && !everybodys(name)
}

// everybodys reports whether a domain is one of the large providers'.
func everybodys(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	switch first {
	case "gmail", "googlemail", "yahoo", "hotmail", "outlook", "live", "msn", "icloud", "me", "aol", "gmx", "web", "mail", "qq", "163", "126", "yandex", "proton", "protonmail", "libero", "orange", "comcast":
		return true
	}
	return false
}

// domain returns what is known of one; one that is not kept when there is no room.
func (s *relays) domain(name string) *domain {
	d := s.domains[name]
	if d == nil {
		d = &domain{}
		if len(s.domains) < maxOwn {
			s.domains[name] = d
		}
	}
	return d
}

// note takes a mail that has ended.
func (s *relays) note(m *delivery.Mail) {
	from := message.DomainOf(message.Canonical(m.From))
	if m.Account != "" && from != "" {
		s.domain(from).account = true
	}
	for k := range m.Deliveries {
		s.delivered(&m.Deliveries[k])
	}
	if m.Account != "" || from == "" || m.NoticeOf != "" || !m.Client.IsValid() || m.Client.IsLoopback() {
		return
	}
	f := s.flow(m, from)
	if f == nil {
		return
	}
	f.mails, f.more, f.last = f.mails+1, f.more+m.More, m.Arrived
	network := guard.Network(m.Client)
	for k := range m.Deliveries {
		f.note(&m.Deliveries[k])
		if d := s.domain(domainOf(&m.Deliveries[k])); len(d.from) < hosts && !slices.Contains(d.from, network) {
			d.from = append(d.from, network)
		}
	}
}

func domainOf(d *delivery.Delivery) string { return message.DomainOf(message.Canonical(d.To)) }

// delivered notes where a domain's mail goes.
func (s *relays) delivered(d *delivery.Delivery) {
	switch where := s.domain(domainOf(d)); {
	case d.Agent == "local" || d.Agent == "virtual" || d.Agent == "pipe" || d.Agent == "lmtp":
		where.local = true
	case d.Agent == "smtp" && d.Near():
		where.near = true
	case d.Agent == "smtp" && d.Reached():
		where.away = true
	}
}

func (s *relays) flow(m *delivery.Mail, from string) *flow {
	flows := s.clients[m.Client]
	if flows == nil {
		if len(s.clients) >= maxClients {
			return nil
		}
		flows = map[string]*flow{}
		s.clients[m.Client] = flows
	}
	if flows[from] == nil && len(flows) >= maxSenders {
		from = "" // any of many
	}
	if flows[from] == nil {
		flows[from] = &flow{to: map[string]*Receiver{}, first: m.Arrived}
	}
	return flows[from]
}

// note counts a recipient that the mail itself names. One that an alias stands for was not chosen by the client.
func (f *flow) note(d *delivery.Delivery) {
	if d.OrigTo != "" || d.Agent == "local" || d.Agent == "virtual" || d.Agent == "pipe" || d.Agent == "lmtp" {
		return
	}
	name := domainOf(d)
	r := f.to[name]
	if r == nil {
		if len(f.to) >= maxDomains {
			f.more++
			return
		}
		r = &Receiver{Domain: name}
		f.to[name] = r
	}
	r.count(d)
	r.asked++
}

// settle returns the clients that relayed, the greatest first, and has their receivers counted.
func (s *relays) settle(where Where, receiver func(*Receiver)) []*Relay {
	var all []*Relay
	for client, flows := range s.clients {
		r := &Relay{Client: client}
		domains := map[string]*Receiver{}
		for _, from := range slices.Sorted(maps.Keys(flows)) {
			s.add(r, from, flows[from], domains)
		}
		if r.Recipients >= relayedMany || r.Recipients >= relayedFew && len(domains) >= relayedDomains {
			r.ASN, r.Country = where(client)
			all = append(all, r)
			for x := range maps.Values(domains) {
				receiver(x)
			}
		}
	}
	slices.SortFunc(all, func(a, b *Relay) int {
		return cmp.Or(cmp.Compare(b.Recipients, a.Recipients), a.Client.Compare(b.Client))
	})
	return all
}

// add counts one flow of a client, if it comes from elsewhere and goes elsewhere.
func (s *relays) add(r *Relay, from string, f *flow, domains map[string]*Receiver) {
	if s.own(from) {
		return
	}
	n := 0
	for name, x := range f.to {
		if !s.own(name) {
			n += x.asked
			domains[name] = x.with(domains[name])
		}
	}
	if n == 0 {
		return
	}
	r.Mails, r.Recipients = r.Mails+f.mails, r.Recipients+n+f.more
	if from != "" && len(r.From) < maxSubjects {
		r.From = append(r.From, from)
	}
	if r.First.IsZero() || f.first.Before(r.First) {
		r.First = f.first
	}
	if f.last.After(r.Last) {
		r.Last = f.last
	}
}
