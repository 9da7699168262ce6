//go:build daemons

package spine_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postward/test/rig"
)

// The day: every mail of it, who sends it from where, and what is right.

// Ways in.
const (
	byLogin = "submission"
	byPort  = "smtp" // port 25: strangers, and machines of the house
	byTool  = "sendmail"
)

// posting is one mail of the day. Honest ones have to arrive, whatever they look like; those of a hijack have not.
type posting struct {
	kind    string
	via     string
	user    string // who logs in, or the user of this host
	address string // the client's
	mail    rig.Mail
	hijack  bool
	lands   string // where its copy arrives
	returns bool   // its receiver refuses it
}

// moment is when something happens: letters in order, each after the one before was taken; or, at once, as many as go through.
type moment struct {
	at      float64 // of the day
	letters []posting
	rush    bool
}

// today is the day as it is made.
type today struct {
	*village
	part    int // the day has one of so many of its mails
	moments []moment
}

// When the thieves come. Who was robbed writes until then: what becomes of an account afterwards is another matter.
const (
	haste = 0.6
	drip  = 0.3
)

// day is the village's, in order.
func (v *village) day(part int) []moment {
	d := &today{village: v, part: part}
	for _, add := range []func(){d.office, d.strangersWrite, d.newsletter, d.tickets, d.machines, d.shop, d.relay, d.vacation, d.list, d.rights, d.forwards, d.travel, d.firstDay, d.inHaste, d.dripping} {
		add()
	}
	slices.SortStableFunc(d.moments, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	for _, m := range d.moments {
		for i := range m.letters {
			m.letters[i].lands = v.box(m.letters[i].mail.To[0])
		}
	}
	return d.moments
}

// n is how many of so many there are.
func (d *today) n(full int) int { return max(1, full/d.part) }

func (d *today) any() float64 { return 0.02 + 0.93*d.rng.Float64() }

func (d *today) add(at float64, letters ...posting) {
	d.moments = append(d.moments, moment{at: at, letters: letters})
}

// of is a mail of a person.
func (d *today) of(kind string, p *villager, address string, to ...string) posting {
	return posting{kind: kind, via: byLogin, user: p.name, address: address, mail: d.mail(p.address(), p.program, d.text(), to...)}
}

func (d *today) mail(from, program, text string, to ...string) rig.Mail {
	name, _, _ := strings.Cut(from, "@")
	header := fmt.Sprintf("From: %s <%s>\r\nSubject: %s\r\n", name, from, strings.Join(strings.Fields(d.text())[:4], " "))
	if program != "" {
		header += "User-Agent: " + program + "\r\n"
	}
	return rig.Mail{Token: rig.NewToken(), From: from, To: to, Header: header, Body: text}
}

// in is a mail of a stranger.
func (d *today) in(kind, from, to string) posting {
	return posting{kind: kind, via: byPort, address: "198.51.100.9", mail: d.mail(from, "", d.text(), to)}
}

func (d *today) office() {
	for i := range d.people {
		p, until := &d.people[i], 1.0
		switch i {
		case away, traveller, guest, newcomer:
			continue
		case robbed:
			until = haste - 0.05
		case bled:
			until = drip - 0.05
		}
		for range d.n(p.daily) {
			d.add(until*d.any(), d.of("office", p, d.from(p), d.to(p, 0.1)))
		}
	}
}

func (d *today) strangersWrite() {
	for range d.n(100) {
		d.add(d.any(), d.in("from outside", d.stranger("asks"), d.people[d.rng.IntN(population)].address()))
	}
}

// newsletter: one text, a mail for each reader, and some who are new.
func (d *today) newsletter() {
	text, at, fresh := d.text(), d.any(), 5
	for i, reader := range append(slices.Clip(d.readers[:d.n(80)]), d.strangerList("reader", d.n(fresh))...) {
		d.add(at+float64(i)/5000, posting{kind: "newsletter", via: byLogin, user: "news", address: house,
			mail: d.mail("news@example.org", "Mailer 4", "Dear "+strings.Split(reader, "@")[0]+",\r\n"+text, reader)})
	}
}

func (d *today) strangerList(kind string, n int) (all []string) {
	for range n {
		all = append(all, d.stranger(kind))
	}
	return all
}

func (d *today) tickets() {
	for n := range d.n(30) {
		customer := d.stranger("customer")
		text := fmt.Sprintf("Dear customer,\r\nyour message has arrived. It carries the number 2026%d; keep it in the subject, so that all of us find it.\r\nWe read our mail between eight and six, Monday to Friday.\r\n", n)
		answer := posting{kind: "ticket", via: byLogin, user: "support", address: desk, mail: d.mail("support@example.org", "", text, customer)}
		answer.mail.Header += "Auto-Submitted: auto-replied\r\n"
		d.add(d.any(), d.in("to the ticket system", customer, "support@example.org"), answer)
	}
}

// scanned are what scanners write in From.
var scanned = []string{"From: Scan to mail@office <scan@example.org>\r\n", "From: \"Multi, Function\" 3.floor <scan@example.org>\r\n", "From: Scanner\r\n", "",
	"From: =?utf-8?Q?B=C3=BCro=2C_Etage_3_=40_Haupthaus?= <scan@example.org>\r\n", "From: scan@example.org (Scanner, 3rd floor)\r\n"}

func (d *today) machines() {
	for i := range d.n(16) {
		scan := rig.Mail{Token: rig.NewToken(), From: "scan@example.org", To: []string{d.colleague(&d.people[boss])}, Bare: true, Body: "See what is attached.\r\n",
			Header: scanned[i%len(scanned)] + "Subject: Scan\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\n"}
		again := scan
		again.Token = rig.NewToken()
		d.add(d.any(), posting{kind: "copier", via: byPort, address: copier, mail: scan}, posting{kind: "scanner", via: byLogin, user: "scan", address: copier, mail: again})
		cron := d.mail("root@web2.example.org", "", d.text(), d.people[boss].address())
		cron.Header = "From: root@web2.example.org (Cron Daemon)\r\nSubject: Cron <root@web2> backup\r\n"
		d.add(d.any(), posting{kind: "satellite", via: byPort, address: satellite, mail: cron})
	}
}

func (d *today) shop() {
	for n := range d.n(60) {
		text := fmt.Sprintf("Thank you for your order %d.\r\nIt will be sent within two days. You find the invoice in your account.\r\n", n)
		order := d.mail("orders@shop.example.org", "", text, d.stranger("buyer"))
		d.add(d.any(), posting{kind: "shop", via: byTool, user: "www-data", mail: order})
	}
}

// relay is the second server, which sends everything through one login: its own mail, what it hands on, and what it could not deliver.
func (d *today) relay() {
	say := func(from, author, to string) {
		m := d.mail(from, "", d.text(), to)
		m.Header = "From: " + author + "\r\nSubject: from the second server\r\n"
		d.add(d.any(), posting{kind: "second server", via: byLogin, user: "relay", address: relayHost, mail: m})
	}
	for range d.n(12) {
		say("root@web3.example.org", "root@web3.example.org (Cron Daemon)", d.people[boss].address())
		say(d.srs(), "Carl <"+d.stranger("asks")+">", "box@mailbox.example")
		say("", "MAILER-DAEMON@web3.example.org", d.stranger("sender"))
	}
}

// vacation: who writes to somebody who is away is told so by a program of this host, without a reverse-path or with his.
func (d *today) vacation() {
	p := &d.people[away]
	for i := range max(2, d.n(8)) {
		who := d.stranger("asks")
		notice := d.mail(p.address(), "", "I am away until the first of the month.\r\n", who)
		notice.Header += "Auto-Submitted: auto-replied (vacation)\r\n"
		if i%2 == 0 {
			notice.From = "<>"
		}
		d.add(d.any(), d.in("to who is away", who, p.address()), posting{kind: "vacation", via: byTool, user: "nobody", mail: notice})
	}
}

// list: each posting to each member, one of whom is no more.
func (d *today) list() {
	for range d.n(3) {
		text, at := d.text(), d.any()
		for i, m := range append(slices.Clip(d.members), d.dead) {
			post := d.mail("verein@example.org", "", text, m)
			post.From = verp(m)
			d.add(at+float64(i)/5000, posting{kind: "list", via: byLogin, user: "lists", address: listHost, mail: post, returns: m == d.dead})
		}
	}
}

// rights: an address with a plus, a director's assistant, mail that somebody sends on.
func (d *today) rights() {
	for range d.n(6) {
		tagged, helper, sender := &d.people[tagger], &d.people[assistant], &d.people[redirector]
		l := d.of("plus", tagged, house, d.stranger("shop"))
		l.mail = d.mail(tagged.name+"+shop@example.org", tagged.program, d.text(), l.mail.To...)
		d.add(d.any(), l)
		l = d.of("on behalf", helper, house, pick(d.village, helper.contacts))
		l.mail = d.mail(d.people[boss].address(), helper.program, d.text(), l.mail.To...)
		d.add(d.any(), l)
		l = d.of("redirect", sender, house, pick(d.village, d.knownOf(sender)))
		l.mail.Header = "Resent-From: " + sender.address() + "\r\nResent-To: " + l.mail.To[0] + "\r\nReceived: from mx.example.com by mx.example.org; Mon, 30 Nov 2026 09:00:00 +0000\r\nFrom: <" + d.stranger("asks") + ">\r\nSubject: an offer\r\n"
		d.add(d.any(), l)
	}
}

// forwards: mail to one who has it sent on, as a .forward or an alias does.
func (d *today) forwards() {
	for range d.n(6) {
		d.add(d.any(), d.in("forwarded", d.stranger("asks"), d.people[forwarded].address()))
	}
}

// travel: one writes to his own people from his hotel, the other one to three whom he met as well.
func (d *today) travel() {
	for i, network := range []string{"79.10", "93.32"} {
		p, hotel := &d.people[traveller+i], d.somewhere(network)
		for range d.n(12) {
			d.add(d.any(), d.of("traveller", p, hotel, pick(d.village, d.knownOf(p))))
		}
		for range i * d.n(3) {
			d.add(d.any(), d.of("traveller to strangers", p, hotel, d.stranger("met")))
		}
	}
}

func (d *today) firstDay() {
	p := &d.people[newcomer]
	for range d.n(6) {
		d.add(d.any(), d.of("newcomer", p, house, d.colleague(p)), d.of("newcomer", p, house, d.stranger("new")))
	}
}

// inHaste: thousands of mails from abroad with a password, as fast as they go.
func (d *today) inHaste() {
	p, from, text := &d.people[robbed], d.somewhere("14.160"), d.text()
	rush := moment{at: haste, rush: true}
	for range d.n(3000) {
		rush.letters = append(rush.letters, posting{kind: "hijack in haste", via: byLogin, user: p.name, address: from, hijack: true,
			mail: d.mail(p.address(), "", text, d.stranger("victim"))})
	}
	d.moments = append(d.moments, rush)
}

// dripping: two an hour from there on, each with a text of its own.
func (d *today) dripping() {
	p, from, n := &d.people[bled], d.somewhere("41.58"), max(10, d.n(34))
	for i := range n {
		l := d.of("hijack that drips", p, from, d.stranger("victim"))
		l.hijack = true
		d.add(drip+(0.98-drip)*float64(i)/float64(n), l)
	}
}
