package main

import (
	"net/netip"

	"postward/internal/guard"
)

// way is a kind of source that a thief may have.
type way int

const (
	hosting    way = iota // addresses of one network in a country where nobody of the site was
	abroad                // each address in another network and country
	colleagues            // where colleagues are at home, in a country that the owner never used
	country               // the owner's country, a network that nobody of the site uses
	webmail               // the site's webmail, on the server itself: loopback
	proxy                 // a declared webmail host
	network               // the owner's network at home, another address
	phones                // the network of the owner's phone, another address
	office                // the office's address
	machine               // the owner's own address
	host                  // no login at all: a program on the host, a machine in its network
	anywhere              // whichever of the row's passes, the most familiar first
)

var wayNames = [...]string{
	hosting: "addresses of one network abroad", abroad: "addresses in many networks and countries", colleagues: "where colleagues are at home, in another country",
	country: "the owner's country", webmail: "the site's webmail", proxy: "the declared webmail host", network: "the owner's network at home, another address",
	phones: "the owner's phone network, another address", office: "the office's address", machine: "the owner's own address",
	host: "the host and its network, without a login", anywhere: "whichever source passes",
}

func (w way) String() string { return wayNames[w] }

// foreignPlace is the n-th address in networks and countries that nobody of the site used.
func foreignPlace(n int) place {
	codes := [...]string{"VN", "BR", "RU", "AU", "ZA"}
	return place{netip.AddrFrom4([4]byte{203, 0, byte(n % 200), byte(7 + n/200%200)}), 65000 + uint32(n%200), codes[n%len(codes)]}
}

// place returns the n-th address of a way to p's account; n in 0..255.
func (w way) place(p *person, n int) place {
	switch w {
	case abroad:
		return foreignPlace(n + 1)
	case colleagues:
		if p.country == "DE" {
			return place{netip.AddrFrom4([4]byte{100, 70, 0, byte(n)}), 64500, "CH"}
		}
		return place{netip.AddrFrom4([4]byte{100, 71, 0, byte(n)}), 64520, "DE"}
	case country:
		return place{netip.AddrFrom4([4]byte{100, 80, 0, byte(n)}), 64600, p.country}
	case webmail:
		return place{client: netip.MustParseAddr("127.0.0.1")}
	case proxy:
		return place{netip.MustParseAddr("198.51.100.200"), 64540, "CH"}
	case network:
		return p.home.at(100 + n%100)
	case phones:
		return p.mobile.at(100 + n%100)
	case office:
		return officePlace
	case machine:
		return p.home
	}
	return foreignPlace(0).at(n)
}

// row is a line of the table of bounds: what a thief has.
type row struct {
	name    string
	ways    []way // the most familiar last
	copies  bool  // the owner's mail program too
	hosted  bool  // accounts without a login, instead of people's
	known   bool  // it counts mail to people the account knows, not strangers
	goals   [3]int
	meaning string
}

// noGoal is a figure that has none: it is printed.
const noGoal = 1 << 30

// horizons are the spans that the figures are about, in days.
var horizons = [3]int{1, 10, 30}

var rows = []row{
	{name: "foreign", ways: []way{hosting, abroad, colleagues}, goals: [3]int{6, 20, noGoal},
		meaning: "the password only"},
	{name: "copied", ways: []way{hosting, abroad, colleagues, country, webmail, proxy}, copies: true, goals: [3]int{20, 60, noGoal},
		meaning: "the password, the owner's country and mail program, or the site's webmail"},
	{name: "own_net", ways: []way{hosting, abroad, colleagues, country, webmail, proxy, network, phones, office, machine}, copies: true, goals: [3]int{60, 200, noGoal},
		meaning: "the owner's own network or machine"},
	{name: "known", ways: []way{hosting, abroad, colleagues, country, webmail, proxy}, copies: true, known: true, goals: [3]int{40, 80, noGoal},
		meaning: "mail to people the account knows, from a source its owner never used"},
	{name: "undeclared", ways: []way{host}, hosted: true, goals: [3]int{40, noGoal, noGoal},
		meaning: "a host or a program on it that nobody declared"},
}

// hostAccount is an account without a login.
type hostAccount struct {
	name, user, address string
	client              netip.Addr
}

var hostAccounts = []hostAccount{
	{name: "local:www-data", user: "www-data", address: "www-data@" + domain},
	{name: "local:unknown", address: "unknown@" + domain},
	{name: "net:10.1.0.7", address: "printer@" + domain, client: netip.MustParseAddr("10.1.0.7")},
	{name: "net:127.0.0.1", address: "root@" + domain, client: netip.MustParseAddr("127.0.0.1")},
}

func (h hostAccount) mail(to []string, text uint64, now guard.Time) *guard.Transaction {
	t := transaction("", h.address, place{client: h.client}, to, now)
	t.Fingerprint = text
	if !h.client.IsValid() {
		t.Direction, t.UnixUser = guard.Local, h.user
	}
	return t
}
