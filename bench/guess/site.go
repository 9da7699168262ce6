package main

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"postward/internal/wire/netinfo"
)

// site is a mail server with 200 accounts, and the internet around it.
type site struct {
	r      *rand.Rand
	table  *netinfo.Table
	taken  map[netip.Addr]bool
	people []*person
	mtas   []client // mail servers of others, honest ones
	shared map[string]client
	bad    []client // clients that want to hand in spam, and scanners
}

// person has an account, a home, and a telephone that is in the network of a carrier on the way.
type person struct {
	account string
	home    client
	carrier netip.Prefix // /22
}

// client is who connects.
type client struct {
	name string // "unknown" when the address has none
	addr netip.Addr
}

func (c client) String() string { return c.name + "[" + c.addr.String() + "]" }

// own is the server's address.
const own = "192.0.2.25"

var (
	firstNames = strings.Fields("anna bruno carla david emil fiona georg hanna igor julia kurt lena marco nina oskar paula quirin rosa stefan tanja urs vera walter xenia yves zoe")
	lastNames  = strings.Fields("berger costa dubois ernst fischer graf huber iten jost keller lang meier novak odermatt peter")
	// common are the names that guessers try on every server.
	common = strings.Fields("admin info test postmaster webmaster sales support contact office root user scanner mail noreply newsletter backup pi alarm copier guest hr it service accounts billing")
	// nobodies are names that nobody has here, and that no person would be mistyping.
	nobodies = strings.Fields("alarm pi test scanner printer fax camera oracle postgres ubuntu")
)

func newSite(r *rand.Rand) *site {
	s := &site{r: r, table: netinfo.Embedded(), taken: map[netip.Addr]bool{}}
	for i := range 200 {
		name := firstNames[i%len(firstNames)] + "." + lastNames[i/len(firstNames)%len(lastNames)]
		home := s.stranger("dsl")
		if i%5 == 4 {
			home = client{"unknown", s.address6()}
		}
		s.people = append(s.people, &person{name + "@example.org", home, s.carrier()})
	}
	for range 120 {
		s.mtas = append(s.mtas, s.stranger("mx"))
	}
	for range 900 {
		s.bad = append(s.bad, s.stranger("host"))
	}
	return s
}

// military are networks of millions of addresses behind which nobody reads mail: half of a random botnet would be one system's.
var military = []byte{6, 7, 11, 17, 21, 22, 26, 28, 29, 30, 33, 55, 214, 215}

// address is one of the internet, of a network that is known, that nobody has yet.
func (s *site) address() netip.Addr {
	for {
		n := s.r.Uint32()
		a := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		if netinfo.Public(a) && s.table.Lookup(a).ASN != 0 && !s.taken[a] && !slices.Contains(military, byte(n>>24)) {
			s.taken[a] = true
			return a
		}
	}
}

// carrier is a /22 that one autonomous system has: a telephone on its way stays with its own.
func (s *site) carrier() netip.Prefix {
	for {
		whole := netip.PrefixFrom(s.address(), 22).Masked()
		asn, same := s.table.Lookup(whole.Addr()).ASN, true
		for n := range 4 {
			same = same && s.table.Lookup(host(whole, n<<8)).ASN == asn
		}
		if same {
			return whole
		}
	}
}

// address6 is one in a /64 of its own, of a network that is known.
func (s *site) address6() netip.Addr {
	for {
		b := [16]byte{0x2a, 0x02}
		for i := 2; i < 16; i++ {
			b[i] = byte(s.r.Uint32())
		}
		if a := netip.AddrFrom16(b); s.table.Lookup(a).ASN != 0 {
			return a
		}
	}
}

// within is a random host of a network.
func (s *site) within(p netip.Prefix) netip.Addr {
	b := p.Addr().As16()
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	for i := bits; i < 128; i++ {
		if s.r.IntN(2) == 1 {
			b[i/8] |= 1 << (7 - i%8)
		}
	}
	return netip.AddrFrom16(b).Unmap()
}

// host is the nth of a network.
func host(p netip.Prefix, n int) netip.Addr {
	a := p.Addr().Next()
	for range n {
		a = a.Next()
	}
	return a
}

// stranger is a new client; half of them have a name.
func (s *site) stranger(what string) client {
	a := s.address()
	if what == "bot" || s.r.IntN(2) == 0 && what != "mx" {
		return client{"unknown", a}
	}
	return client{fmt.Sprintf("%s-%s.example.net", what, strings.ReplaceAll(a.String(), ".", "-")), a}
}

// onTheWay is a person's telephone, with one of its carrier's addresses.
func (s *site) onTheWay(p *person) client { return client{"unknown", s.within(p.carrier)} }

// accounts are so many people's, from one on.
func (s *site) accounts(from, count int) (names []string) {
	for _, p := range s.people[from : from+count] {
		names = append(names, p.account)
	}
	return names
}

// token is as Dovecot names sessions.
func (s *site) token() string {
	var b [12]byte
	for i := range b {
		b[i] = byte(s.r.Uint32())
	}
	return base64.StdEncoding.EncodeToString(b[:])
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
