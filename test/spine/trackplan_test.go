//go:build daemons

package spine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"postward/internal/log/delivery"
	"postward/test/rig"
)

// posted is one mail of a test and how it is meant to go. Its tag stands in each of its addresses, and its client address
// is its own, so whatever the log says of it can be told from all others.
type posted struct {
	kind     string
	tag      string
	door     string // how it comes in: "submission", "smtp", "sendmail", or a port with a content filter
	user     string // who logs in, or the Unix user
	client   string
	mail     rig.Mail
	copies   []target
	abort    string       // how the client breaks off instead
	act      string       // what is done with it while it waits
	end      delivery.End // how it must end, if it does
	refuse   int          // the first digit of the reply that must come, 2 if 0
	entry    bool         // the log knows it though it was refused: a recipient had been taken
	queued   bool         // it must be in the queue at the end
	nameless bool         // its Message-ID is nowhere in the log
	tries    int          // in vain to hand it back behind a filter, that only Postfix's log behind it knows
}

// target is one copy of a mail: for whom, as whom he was named, and in whose mailbox, "" for the sink.
type target struct{ to, orig, box string }

// kind is a way that a mail can go.
type kind struct {
	name string
	make func(p *posted, w *world)
}

func (p *posted) rcpt(to string) { p.mail.To = append(p.mail.To, to) }

func (p *posted) copy(to, orig, box string) { p.copies = append(p.copies, target{to, orig, box}) }

// far names another recipient of a domain elsewhere.
func (p *posted) far(domain string) string {
	return fmt.Sprintf("r%d-%s@%s", len(p.copies), p.tag, domain)
}

func (p *posted) remote(domains ...string) {
	for _, domain := range domains {
		to := p.far(domain)
		p.rcpt(to)
		p.copy(to, "", "")
	}
}

func (p *posted) mailbox(user string) {
	to := user + "+" + p.tag + "@example.org"
	p.rcpt(to)
	p.copy(to, "", user)
}

// alias is a name of local(8) that stands for some.
func (p *posted) alias(w *world, local bool, domains ...string) string {
	name := "team-" + p.tag + "@example.org"
	var all []string
	if local {
		all = append(all, "games")
		p.copy("games@example.org", name, "games")
	}
	for _, domain := range domains {
		to := p.far(domain)
		all = append(all, to)
		p.copy(to, name, "")
	}
	w.aliases = append(w.aliases, "team-"+p.tag+": "+strings.Join(all, ", "))
	return name
}

// virtual is a name that cleanup(8) expands.
func (p *posted) virtual(w *world, name string, domains ...string) {
	name += "-" + p.tag + "@virtual.example"
	var all []string
	for _, domain := range domains {
		to := p.far(domain)
		all = append(all, to)
		p.copy(to, name, "")
	}
	p.rcpt(name)
	w.virtuals = append(w.virtuals, name+" "+strings.Join(all, ", "))
}

// forward is a user's .forward.
func (p *posted) forward(w *world, domain string, keep bool) {
	name := "news+" + p.tag
	to := p.far(domain)
	p.rcpt(name + "@example.org")
	p.copy(to, name+"@example.org", "")
	text := to + "\n"
	if keep {
		text += "\\" + name + "\n"
		p.copy(name+"@example.org", "", "news")
	}
	w.forwards[name] = text
}

func (p *posted) header(name, value string) { p.mail.Header += name + ": " + value + "\r\n" }

func (p *posted) sendmail(user string) { p.door, p.user = "sendmail", user }

func (p *posted) stranger() { p.door, p.user = "smtp", "" }

func (p *posted) refused(class int, entry bool, end delivery.End) {
	p.refuse, p.entry, p.end = class, entry, end
}

// remote goes to a recipient elsewhere at each domain.
func remote(domains ...string) func(*posted, *world) {
	return func(p *posted, _ *world) { p.remote(domains...) }
}

// held puts a mail on hold in one of three ways; then act is done.
func held(how, act, domain string) func(*posted, *world) {
	return func(p *posted, w *world) {
		p.act = act
		p.remote(domain)
		switch how {
		case "smtpd":
			hold := "hold-" + p.tag + "@far.example"
			p.rcpt(hold)
			p.copy(hold, "", "")
			w.access = append(w.access, hold+" HOLD")
		default:
			p.header("X-"+how, "hold")
		}
		if act == "delete" {
			p.end = delivery.Deleted
		}
		p.queued = act == "" || act == "release" && domain == "never.example"
	}
}

// filtered goes in by a port whose mail passes a content filter.
func filtered(door string, then func(*posted, *world)) func(*posted, *world) {
	return func(p *posted, w *world) {
		p.door = door
		then(p, w)
	}
}

// broken is not sent to its end.
func broken(how string) func(*posted, *world) {
	return func(p *posted, _ *world) {
		p.remote("far.example")
		p.abort = how
		p.refused(4, true, delivery.Abandoned)
	}
}

// refusedBehind is refused by the port behind a content filter, at DATA, and so the filter refuses it.
func refusedBehind(p *posted, w *world) {
	p.remote("far.example")
	p.mail.From = "nodata-" + p.tag + "@far.example"
	w.senders = append(w.senders, p.mail.From+" REJECT not this one")
	w.denied = append(w.denied, rig.Denial{To: p.mail.To[0], Code: 554, Text: "5.7.1 not this one"})
}

// access is what a table of smtpd does at the first recipient, before the mail has a queue ID.
func access(action string) func(*posted, *world) {
	return func(p *posted, w *world) {
		to := "at-" + p.tag + "@far.example"
		p.rcpt(to)
		w.access = append(w.access, to+" "+action)
		if p.queued = action == "HOLD"; p.queued {
			p.copy(to, "", "")
		} else {
			p.end, p.nameless = delivery.Discarded, true
		}
	}
}

// kinds are all ways. Domains say what the receiver does: see newWorld.
var kinds = []kind{
	{"sent", remote("far.example")},
	{"sent to several", remote("far.example", "far.example", "other.example")},
	{"sent by a stranger of the network", func(p *posted, _ *world) { p.door, p.user, p.client = "smtp", "", "127.0.0.1"; p.remote("far.example") }},
	{"to a mailbox", func(p *posted, _ *world) { p.stranger(); p.mailbox("games") }},
	{"a quoted local part", func(p *posted, _ *world) {
		to := `"a b-` + p.tag + `"@far.example`
		p.rcpt(to)
		p.copy(to, "", "")
	}},
	{"one recipient twice", func(p *posted, _ *world) { p.remote("far.example"); p.rcpt(p.mail.To[0]) }},
	{"deferred, then sent", remote("later.example")},
	{"deferred after the message, then sent", remote("laterdata.example")},
	{"deferred", func(p *posted, _ *world) { p.remote("never.example"); p.queued = true }},
	{"bounced", remote("gone.example")},
	{"bounced after the message", remote("spam.example")},
	{"bounced, of nobody", func(p *posted, _ *world) { p.remote("gone.example"); p.mail.From = "" }},
	{"bounced, and so is the notice", func(p *posted, _ *world) { p.remote("gone.example"); p.mail.From = "s-" + p.tag + "@gone.example" }},
	{"bounced, and the notice waits", func(p *posted, _ *world) { p.remote("gone.example"); p.mail.From = "s-" + p.tag + "@never.example" }},
	{"bounced to a mailbox", func(p *posted, _ *world) { p.remote("gone.example"); p.mail.From = "games+s-" + p.tag + "@example.org" }},
	{"different fates", func(p *posted, w *world) {
		p.remote("far.example", "gone.example", "later.example", "never.example")
		p.queued = true
	}},
	{"different fates of aliases", func(p *posted, w *world) {
		p.virtual(w, "v", "far.example", "gone.example", "later.example")
		p.mailbox("games")
	}},
	{"unknown user", func(p *posted, _ *world) {
		p.stranger()
		p.rcpt("nosuch-" + p.tag + "@example.org")
		p.refused(5, false, "")
	}},
	{"relay denied", func(p *posted, _ *world) {
		p.stranger()
		p.rcpt("r-" + p.tag + "@far.example")
		p.refused(5, false, "")
	}},
	{"one of two recipients refused", func(p *posted, _ *world) {
		p.stranger()
		p.mailbox("games")
		p.rcpt("nosuch-" + p.tag + "@example.org")
	}},
	{"refused for its header", func(p *posted, _ *world) {
		p.remote("far.example")
		p.header("X-Header", "reject")
		p.refused(5, true, delivery.Refused)
	}},
	{"refused for its body", func(p *posted, _ *world) {
		p.remote("far.example")
		p.mail.Body = "reject this body\r\n"
		p.refused(5, true, delivery.Refused)
	}},
	{"refused by a milter", func(p *posted, _ *world) {
		p.remote("far.example")
		p.header("X-Milter", "reject")
		p.refused(5, true, delivery.Refused)
	}},
	{"put off by a milter", func(p *posted, _ *world) {
		p.remote("far.example")
		p.header("X-Milter", "tempfail")
		p.refused(4, true, delivery.Refused)
	}},
	{"refused at DATA", func(p *posted, w *world) {
		p.remote("far.example")
		p.mail.From = "nodata-" + p.tag + "@far.example"
		w.senders = append(w.senders, p.mail.From+" REJECT not this one")
		p.refused(5, true, delivery.Refused)
	}},
	{"too large", func(p *posted, _ *world) {
		p.remote("far.example")
		p.mail.Body = strings.Repeat(strings.Repeat("x", 70)+"\r\n", 1000)
		p.refused(5, true, delivery.Refused)
	}},
	{"thrown away by a table", func(p *posted, _ *world) {
		p.rcpt("r-" + p.tag + "@far.example")
		p.header("X-Header", "discard")
		p.end = delivery.Discarded
	}},
	{"thrown away by a milter", func(p *posted, _ *world) {
		p.rcpt("r-" + p.tag + "@far.example")
		p.header("X-Milter", "discard")
		p.end = delivery.Discarded
	}},
	{"redirected", func(p *posted, _ *world) {
		p.rcpt("r-" + p.tag + "@far.example")
		p.header("X-Redirect", "boss-"+p.tag+"@far.example")
		p.copy("boss-"+p.tag+"@far.example", "r-"+p.tag+"@far.example", "")
	}},
	{"hung up after the answer", func(p *posted, _ *world) { p.remote("far.example"); p.abort = "after" }},
	{"broken off by RSET", broken("RSET")},
	{"broken off by QUIT", broken("QUIT")},
	{"broken off by hanging up", broken("hangup")},
	{"broken off when it would have been held", func(p *posted, w *world) {
		access("HOLD")(p, w)
		p.abort, p.copies, p.queued = "QUIT", nil, false
		p.refused(4, true, delivery.Abandoned)
	}},
	{"broken off amid the message", broken("amid")},
	{"held by a table", held("Header", "", "far.example")},
	{"held by smtpd", held("smtpd", "", "far.example")},
	{"held by smtpd at the first recipient", access("HOLD")},
	{"thrown away by smtpd at the first recipient", access("DISCARD")},
	{"held by a milter", held("Milter", "", "far.example")},
	{"held, released", held("Header", "release", "far.example")},
	{"held by a milter, released", held("Milter", "release", "far.example")},
	{"held, released, deferred", held("Milter", "release", "never.example")},
	{"held, released, bounced", held("smtpd", "release", "gone.example")},
	{"held, deleted", held("Header", "delete", "far.example")},
	{"held, requeued", held("Milter", "requeue", "far.example")},
	{"deferred, deleted", func(p *posted, _ *world) { p.remote("never.example"); p.act, p.end = "delete", delivery.Deleted }},
	{"deferred, held", func(p *posted, _ *world) { p.remote("never.example"); p.act, p.queued = "hold", true }},
	{"deferred, requeued, sent", func(p *posted, _ *world) { p.remote("later.example", "far.example"); p.act = "requeue" }},
	{"deferred, requeued, deferred", func(p *posted, _ *world) { p.remote("never.example"); p.act, p.queued = "requeue", true }},
	{"deferred, expired", func(p *posted, _ *world) { p.remote("never.example"); p.act, p.end = "expire", delivery.Expired }},
	{"forwarded", func(p *posted, w *world) { p.forward(w, "far.example", false) }},
	{"forwarded and kept", func(p *posted, w *world) { p.forward(w, "far.example", true) }},
	{"forwarded, deferred", func(p *posted, w *world) { p.forward(w, "never.example", false); p.queued = true }},
	{"forwarded, bounced", func(p *posted, w *world) { p.forward(w, "gone.example", true) }},
	{"an alias of one", func(p *posted, w *world) { p.rcpt(p.alias(w, true)) }},
	{"an alias of several", func(p *posted, w *world) { p.rcpt(p.alias(w, true, "far.example", "far.example")) }},
	{"an alias of several elsewhere", func(p *posted, w *world) { p.rcpt(p.alias(w, false, "far.example", "later.example", "gone.example")) }},
	{"a virtual alias", func(p *posted, w *world) { p.virtual(w, "v", "far.example") }},
	{"a virtual alias of several", func(p *posted, w *world) {
		p.stranger()
		p.virtual(w, "v", "far.example", "far.example", "other.example")
	}},
	{"a virtual alias of a local one", func(p *posted, w *world) {
		name := p.alias(w, true)
		p.copies[0].orig = "v-" + p.tag + "@virtual.example"
		p.rcpt("v-" + p.tag + "@virtual.example")
		w.virtuals = append(w.virtuals, "v-"+p.tag+"@virtual.example "+name)
	}},
	{"two virtual aliases of one", func(p *posted, w *world) {
		p.virtual(w, "v", "far.example")
		to, other := p.copies[0].to, "w-"+p.tag+"@virtual.example"
		p.rcpt(other)
		p.copy(to, other, "")
		w.virtuals = append(w.virtuals, other+" "+to)
	}},
	{"by sendmail", func(p *posted, _ *world) { p.sendmail("nobody"); p.remote("far.example") }},
	{"by sendmail, different fates", func(p *posted, w *world) {
		p.sendmail("mail")
		p.remote("far.example", "gone.example", "later.example")
		p.rcpt(p.alias(w, true, "far.example"))
	}},
	{"by sendmail, held", func(p *posted, _ *world) {
		p.sendmail("nobody")
		p.remote("far.example")
		p.header("X-Header", "hold")
		p.queued = true
	}},
	{"by sendmail, refused for its header", func(p *posted, w *world) {
		p.sendmail("nobody")
		p.remote("far.example")
		p.header("X-Header", "reject")
		w.denied = append(w.denied, rig.Denial{To: p.mail.To[0], Code: 550, Text: "5.7.1 not with this header"})
	}},
	{"a copy for another", func(p *posted, w *world) {
		p.remote("far.example", "far.example")
		bcc := "bcc-" + p.tag + "@far.example"
		p.copy(bcc, "", "")
		w.copies = append(w.copies, p.mail.To[0]+" "+bcc)
	}},
	{"by sendmail, requeued", func(p *posted, _ *world) { p.sendmail("nobody"); p.remote("later.example"); p.act = "requeue" }},
	{"a filter that says so", filtered("xproxy", remote("far.example"))},
	{"a filter that says so, several", filtered("xproxy", remote("far.example", "gone.example", "later.example"))},
	{"a filter that says so, aliases", filtered("xproxy", func(p *posted, w *world) { p.virtual(w, "v", "far.example", "later.example") })},
	{"a filter that says so, a local alias", filtered("xproxy", func(p *posted, w *world) { p.rcpt(p.alias(w, true, "far.example", "far.example")) })},
	{"a filter that does not", filtered("proxy", remote("far.example"))},
	{"a filter that does not, several", filtered("proxy", func(p *posted, _ *world) { p.remote("far.example", "gone.example", "never.example"); p.queued = true })},
	{"a filter that does not, aliases", filtered("proxy", func(p *posted, w *world) { p.virtual(w, "v", "far.example", "later.example") })},
	{"a filter that does not, a local alias", filtered("proxy", func(p *posted, w *world) { p.rcpt(p.alias(w, true, "far.example", "later.example")) })},
	{"a filter that does not, forwarded", filtered("proxy", func(p *posted, w *world) { p.forward(w, "far.example", true) })},
	{"a filter that keeps it first", filtered("store", remote("far.example", "later.example"))},
	{"a filter that keeps it first, held behind it", filtered("store", func(p *posted, w *world) {
		hold := "hold-" + p.tag + "@far.example"
		p.rcpt(hold)
		p.copy(hold, "", "")
		w.access = append(w.access, hold+" HOLD")
		p.queued = true
	})},
	{"a filter that keeps it first, deleted behind it", filtered("store", func(p *posted, w *world) { p.remote("never.example"); p.act, p.end = "delete", delivery.Deleted })},
	{"a filter that keeps it first, aliases, at its second try", filtered("store", func(p *posted, w *world) { p.virtual(w, "v", "far.example"); p.header("X-Filter", "later") })},
	{"a filter that refuses", filtered("store", func(p *posted, w *world) { p.remote("far.example", "far.example"); p.header("X-Filter", "refuse") })},
	{"a filter at its second try", filtered("store", func(p *posted, w *world) { p.remote("far.example"); p.header("X-Filter", "later") })},
	{"refused behind a filter that says so", filtered("xproxy", refusedBehind)},
	{"refused behind a filter that does not", filtered("proxy", func(p *posted, w *world) { refusedBehind(p, w); p.tries = 1 })},
	{"a filter, requeued behind it", filtered("proxy", func(p *posted, w *world) { p.remote("later.example"); p.act = "requeue" })},
}

// plan makes n mails, of each kind as many, in an order of a seed. from keeps the tags of several plans apart.
func (w *world) plan(seed uint64, from, n int) []*posted {
	random := rand.New(rand.NewPCG(seed, uint64(from)))
	var all []*posted
	for len(all) < n {
		for _, i := range random.Perm(len(kinds)) {
			number := from + len(all)
			p := &posted{
				kind: kinds[i].name, tag: fmt.Sprintf("t%05dx", number), door: "submission", user: []string{"anna", "bob"}[random.IntN(2)],
				client: fmt.Sprintf("198.18.%d.%d", number/250, number%250+1),
			}
			p.mail = rig.Mail{Token: rig.NewToken(), From: "s-" + p.tag + "@far.example"}
			kinds[i].make(p, w)
			all = append(all, p)
		}
	}
	return all
}
