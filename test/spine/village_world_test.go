//go:build daemons

package spine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The people of the village, and its machines. All of it comes from a seed: who is who, whom each writes to, and how much.

// Where the village writes from. Postfix believes what XCLIENT says; nothing is sent there. The built-in table has the house and its people in
// one provider of Germany, their phones in another one, the travellers in Italy, the thieves in Vietnam and Nigeria.
const (
	house     = "217.91.20.7" // everybody's desk, behind one address
	satellite = "192.0.2.20"  // machines in the site's own network
	relayHost = "192.0.2.21"
	copier    = "192.0.2.30"
	desk      = "192.0.2.40" // of the ticket system
	listHost  = "192.0.2.45"
	archive   = "archive@vault.example.net"
	boxOf     = "@home.example.net" // where the mail of one goes who is not here
)

// villager is somebody who writes.
type villager struct {
	name     string
	contacts []string // outside, whom he writes to for long
	home     string   // where he writes from, if not from his desk
	phone    string
	program  string
	daily    int // mails on a working day
}

func (p *villager) address() string { return p.name + "@example.org" }

// The people by what they do on the day; the others are ordinary.
const (
	boss = iota
	assistant
	traveller
	guest // a traveller who meets people
	away
	wasAway // in the month
	redirector
	tagger
	forwarded
	robbed // of his password, by who is in haste
	bled   // by who is not
	newcomer
	population = 16
)

type village struct {
	rng       *rand.Rand
	people    []villager
	readers   []string // of the newsletter
	members   []string // of the list
	dead      string   // one of them, who is no more
	words     []string
	strangers int
	wrote     map[string][]string // in the month, by name: people outside
}

// newVillage is the village of a seed.
func newVillage(seed uint64) *village {
	v := &village{rng: rand.New(rand.NewPCG(seed, 19)), wrote: map[string][]string{}}
	v.words = v.vocabulary(400)
	names := strings.Fields("ada bela cora dirk egon fritz gerda hugo ida jan karla lutz mona nils olga paul rita sven tilda uwe vera willi xenia zita")
	v.rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:population] {
		v.people = append(v.people, v.villager(name))
	}
	for i := range 80 {
		v.readers = append(v.readers, fmt.Sprintf("reader%d@%s", i, v.outside()))
	}
	for i := range 25 {
		v.members = append(v.members, fmt.Sprintf("member%d@%s", i, v.outside()))
	}
	v.dead = "gone@club.example"
	return v
}

func (v *village) villager(name string) villager {
	p := villager{name: name, home: v.somewhere("84.150"), phone: v.somewhere("2.200"), daily: 3 + v.rng.IntN(8)}
	p.program = []string{"Thunderbird 115", "Apple Mail (2.3774)", "Outlook 16.0", "K-9 Mail"}[v.rng.IntN(4)]
	for i := range 10 + v.rng.IntN(20) {
		p.contacts = append(p.contacts, fmt.Sprintf("%s.friend%d@%s", name, i, v.outside()))
	}
	return p
}

// somewhere is an address of a network.
func (v *village) somewhere(network string) string {
	return fmt.Sprintf("%s.%d.%d", network, 1+v.rng.IntN(200), 1+v.rng.IntN(250))
}

func (v *village) outside() string { return fmt.Sprintf("firm%d.example", v.rng.IntN(60)) }

// stranger is an address that nobody ever saw.
func (v *village) stranger(kind string) string {
	v.strangers++
	return fmt.Sprintf("%s%d@%s", kind, v.strangers, v.outside())
}

func (v *village) colleague(of *villager) string {
	for {
		if p := &v.people[v.rng.IntN(newcomer)]; p.name != of.name {
			return p.address()
		}
	}
}

func pick(v *village, from []string) string { return from[v.rng.IntN(len(from))] }

// box is where mail to an address arrives: that of one villager is sent on.
func (v *village) box(to string) string {
	if p := &v.people[forwarded]; to == p.address() {
		return p.name + boxOf
	}
	return to
}

// vocabulary makes words of syllables.
func (v *village) vocabulary(n int) []string {
	syllables := strings.Fields("ba del fir go hun ka lem mo nar pel qui ros su tan ver wo zin")
	var all []string
	for range n {
		word := ""
		for range 2 + v.rng.IntN(3) {
			word += pick(v, syllables)
		}
		all = append(all, word)
	}
	return all
}

// text is what somebody writes: no two are alike.
func (v *village) text() string {
	var b strings.Builder
	for i := range 30 + v.rng.IntN(60) {
		b.WriteString(pick(v, v.words) + map[bool]string{true: "\r\n", false: " "}[i%9 == 8])
	}
	return b.String() + "\r\n"
}

// to is whom somebody writes to: his people, a colleague, now and then a stranger.
func (v *village) to(p *villager, strangers float64) string {
	switch x := v.rng.Float64(); {
	case x < strangers:
		return v.stranger("new")
	case x < 0.3:
		return v.colleague(p)
	}
	return pick(v, p.contacts)
}

// from is where somebody writes from on an ordinary day.
func (v *village) from(p *villager) string {
	switch x := v.rng.Float64(); {
	case x < 0.15:
		return p.home
	case x < 0.3:
		return p.phone
	}
	return house
}

// logins are the passwords of everybody who has one.
func (v *village) logins() map[string]string {
	all := map[string]string{}
	for _, p := range v.people {
		all[p.name] = "password of " + p.name
	}
	for _, machine := range []string{"news", "support", "lists", "relay", "scan"} {
		all[machine] = "password of " + machine
	}
	return all
}

// commands are the operator's: everybody whom the old logs showed is put on the list, and one command for each whose mail is
// not a person's, as docs/people.md says.
func (v *village) commands() [][]string {
	lines := []string{
		"account allow --proposed",
		"account class news newsletter --budget 500",
		"account allow lists --class newsletter --budget 500 --address verein+*@example.org --address verein@example.org",
		"account allow relay --address *",
		"account allow local:www-data --class application --budget 200 --address *@shop.example.org",
		"account allow " + v.people[assistant].name + " --address " + v.people[boss].address(),
		"account allow " + v.people[newcomer].name,
	}
	var all [][]string
	for _, line := range lines {
		all = append(all, strings.Fields(line))
	}
	return all
}

// knownOf are the people outside to whom somebody wrote in the month.
func (v *village) knownOf(p *villager) []string { return v.wrote[p.name] }
