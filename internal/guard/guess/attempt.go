package guess

import (
	"net/netip"
	"strings"
	"time"
)

// Kind says what a client did.
type Kind uint8

const (
	Failed    Kind = iota + 1 // a login was refused
	Good                      // somebody logged in
	Aborted                   // the client went away within a login
	Pregreet                  // it spoke before the greeting
	Relay                     // it asked for relay
	NoMailbox                 // it asked for a recipient that nobody has
	NotSMTP                   // it said what is not SMTP
	Taken                     // its mail was taken
	Delivered                 // a mail was delivered into the mailbox of Account: there is one
)

// Asks reports whether the watch wants to know of such an attempt what its client is: its network, whether it is somebody's home.
// A mail that was taken or delivered tells of the client and the mailbox alone.
func (k Kind) Asks() bool { return k != Taken && k != Delivered }

// Guesses reports whether such an attempt may speak against its client.
func (k Kind) Guesses() bool { return k != Good && k.Asks() }

// Home says how well an account knows where somebody logs in from.
type Home uint8

const (
	Abroad    Home = iota
	AtNetwork      // the autonomous system is the account's
	AtAddress      // the address is
)

// Attempt is one thing that a client did, as far as it is told.
type Attempt struct {
	Kind    Kind
	At      time.Time
	Client  netip.Addr
	ASN     uint32 // its autonomous system; 0: not known. This, Exists, Home and Own only where its Kind Asks
	Account string // whose account it is, as its owner has it; where nobody is known to have one, the name that was said; empty: not told
	Exists  bool   // there is such an account
	Home    Home   // how well it knows the client, as far as its mail tells
	// Password tells one password from another, for an account; 0: not told. It need not be unique: of two that look the same
	// the second is not counted.
	Password uint32
	To       string // NoMailbox: the recipient
	Own      bool   // of the operator's own networks, or on the allow list
	Shared   bool   // a webmail host or a proxy: its address is everybody's
	Times    int    // how often, one after the other; 0: once
	Kept     bool   // who is kept from logging in reaches port 25 alone: the kernel sees to it
}

// attempt is one with what the memory is asked by, made once.
type attempt struct {
	Attempt
	now     int64 // Unix seconds
	from    place
	person  string
	name    uint32 // its hash
	account uint32 // that of the account: "info" of one domain is not that of another
	known   bool   // there is just this account; Exists: of this name, whatever its domain
}

func opened(a Attempt) attempt {
	a.Account = strings.ToLower(a.Account)
	who, _, _ := strings.Cut(a.Account, "@")
	name := hash(who)
	return attempt{Attempt: a, now: a.At.Unix(), from: placeOf(a.Client), person: who, name: name, account: hashOn(name, a.Account[len(who):])}
}

// person is the part of a name that a person types: "anna" of "anna@example.org" and of "ANNA". Whoever tries these tries one name;
// whose account it is, is the whole name's to say.
func person(name string) string {
	local, _, _ := strings.Cut(name, "@")
	return strings.ToLower(local)
}

// everybodys are names that guessers bring along: defaults of images, of services, of examples. From the names in
// the logs of public incidents and the defaults of distributions for small boards (pi, alarm, ubuntu, debian, odroid, orangepi).
var everybodys = map[string]bool{}

func init() {
	for _, name := range strings.Fields(`alarm pi ubuntu debian odroid orangepi osmc kali vagrant ec2-user centos fedora admin administrator
		root test test1 test2 tester testing testuser guest user user1 demo scanner scan printer fax ftp ftpuser www www-data nobody
		mysql postgres oracle backup git svn jenkins nagios zabbix tomcat ubnt default support1 temp tmp qwerty password 1234 12345 123456`) {
		everybodys[name] = true
	}
}
