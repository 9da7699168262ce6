//go:build daemons

package spine_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The month before: a log of Postfix as Debian's rsyslog writes it.

// monthDays is how far back it goes. Its weeks are counted from the day of the test: whatever day that is, the log is the same.
const monthDays = 30

// entry is a mail of the month.
type entry struct {
	at      time.Time
	client  string // "submission 192.0.2.1 anna", "smtpd 192.0.2.1", "uid 33"
	from    string
	to      string
	orig    string // whom it was written to, if that is an alias
	inwards bool   // delivered here
	failed  bool
}

// month is the log, and the end of its last day.
func (v *village) month(today time.Time) string {
	var all []entry
	for back := monthDays; back > 0; back-- {
		d := &dayBefore{v: v, morning: today.AddDate(0, 0, -back).Add(7 * time.Hour), back: back}
		d.machines()
		if back%7 > 1 { // two days of seven nobody works
			d.people()
		}
		if back%7 == 3 {
			d.newsletter()
		}
		all = append(all, d.entries...)
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	var log strings.Builder
	for n := range all {
		all[n].write(&log, n)
	}
	return log.String()
}

// dayBefore is one day of it.
type dayBefore struct {
	v       *village
	morning time.Time
	back    int // days ago
	entries []entry
}

// at is a moment of the working day.
func (d *dayBefore) at() time.Time {
	return d.morning.Add(time.Duration(d.v.rng.IntN(11*3600)) * time.Second)
}

func (d *dayBefore) add(at time.Time, client, from, to string) {
	e := entry{at: at, client: client, from: from, to: to}
	if box := d.v.box(to); box != to {
		e.to, e.orig = box, to
	}
	d.entries = append(d.entries, e)
}

// in is a mail from outside.
func (d *dayBefore) in(at time.Time, from, to string) {
	d.entries = append(d.entries, entry{at: at, client: "smtpd 198.51.100.9", from: from, to: to, inwards: true})
}

func (d *dayBefore) people() {
	v := d.v
	for i := range v.people[:newcomer] {
		d.person(&v.people[i])
	}
	for i := newcomer + 1; i < population; i++ {
		d.person(&v.people[i])
	}
	if at := d.at(); d.back > 20 { // somebody was on holiday
		who := v.stranger("asks")
		d.in(at, who, v.people[wasAway].address())
		d.add(at.Add(3*time.Second), "uid 65534", "", who)
		who = v.stranger("asks")
		d.in(at.Add(time.Minute), who, v.people[wasAway].address())
		d.add(at.Add(63*time.Second), "uid 65534", v.people[wasAway].address(), who)
	}
}

func (d *dayBefore) person(p *villager) {
	for range p.daily {
		to := d.v.to(p, 0.06)
		if !strings.HasSuffix(to, "@example.org") {
			d.v.wrote[p.name] = append(d.v.wrote[p.name], to)
		}
		d.add(d.at(), "submission "+d.v.from(p)+" "+p.name, p.address(), to)
	}
	for range 3 {
		d.in(d.at(), pick(d.v, p.contacts), p.address())
	}
}

// newsletter: one a week, to all its readers.
func (d *dayBefore) newsletter() {
	at := d.at()
	for i, reader := range d.v.readers {
		d.add(at.Add(time.Duration(i)*time.Second), "submission "+house+" news", "news@example.org", reader)
	}
}

func (d *dayBefore) machines() {
	v := d.v
	for range 12 {
		at, customer := d.at(), v.stranger("customer")
		d.in(at, customer, "support@example.org")
		d.add(at.Add(20*time.Second), "submission "+desk+" support", "support@example.org", customer)
	}
	for i := range 20 {
		d.add(d.at(), "uid 33", "orders@shop.example.org", v.stranger("buyer"))
		if i%5 == 0 {
			d.add(d.at(), "smtpd "+satellite, "root@web2.example.org", v.people[boss].address())
			d.add(d.at(), "smtpd "+copier, "scan@example.org", v.people[v.rng.IntN(newcomer)].address())
			d.add(d.at(), "submission "+copier+" scan", "scan@example.org", v.people[v.rng.IntN(newcomer)].address())
			d.add(d.at(), "submission "+relayHost+" relay", "root@web3.example.org", v.people[boss].address())
			d.add(d.at(), "submission "+relayHost+" relay", v.srs(), "box@mailbox.example")
		}
	}
	if d.back%2 == 0 {
		d.posting()
	}
	d.add(d.at(), "smtpd 198.51.100.9", v.stranger("asks"), v.people[forwarded].address())
}

// srs is a reverse-path that the second server makes of a stranger's.
func (v *village) srs() string {
	name, domain, _ := strings.Cut(v.stranger("asks"), "@")
	return fmt.Sprintf("SRS0=%04x=%s=%s=%s@example.org", v.rng.IntN(1<<16), string(rune('A'+v.rng.IntN(26)))+"K", domain, name)
}

// posting is one mail to the list.
func (d *dayBefore) posting() {
	at := d.at()
	for i, m := range append(slices.Clip(d.v.members), d.v.dead) {
		d.entries = append(d.entries, entry{at: at.Add(time.Duration(i) * time.Second), client: "submission " + listHost + " lists",
			from: verp(m), to: m, failed: m == d.v.dead})
	}
}

// verp is the reverse-path of the list's mail to a member.
func verp(member string) string {
	return "verein+" + strings.Replace(member, "@", "=", 1) + "@example.org"
}

// write writes a mail's lines: the last one says that it is gone, that of the archive's copy stands before it.
func (e *entry) write(log *strings.Builder, n int) {
	id, at := fmt.Sprintf("%X", 0x4D00000000+n), e.at
	line := func(program, format string, args ...any) {
		fmt.Fprintf(log, "%s mail postfix/%s[%d]: %s\n", at.Format("2006-01-02T15:04:05.000000-07:00"), program, 1000+n%900, fmt.Sprintf(format, args...))
		at = at.Add(7 * time.Millisecond)
	}
	e.begin(line, id)
	line("cleanup", "%s: message-id=<%s@pc.example.org>", id, id)
	line("qmgr", "%s: from=<%s>, size=2048, nrcpt=2 (queue active)", id, e.from)
	e.end(line, id)
	line("smtp", "%s: to=<%s>, relay=vault.example.net[198.51.100.8]:25, delay=0.4, delays=0.1/0/0.1/0.2, dsn=2.0.0, status=sent (250 2.0.0 OK)", id, archive)
	line("qmgr", "%s: removed", id)
}

func (e *entry) begin(line func(string, string, ...any), id string) {
	switch way := strings.Fields(e.client); way[0] {
	case "submission":
		line("submission/smtpd", "connect from unknown[%s]", way[1])
		line("submission/smtpd", "%s: client=unknown[%s], sasl_method=PLAIN, sasl_username=%s", id, way[1], way[2])
	case "smtpd":
		line("smtpd", "connect from unknown[%s]", way[1])
		line("smtpd", "%s: client=unknown[%s]", id, way[1])
	default:
		line("pickup", "%s: uid=%s from=<%s>", id, way[1], e.from)
	}
}

func (e *entry) end(line func(string, string, ...any), id string) {
	switch {
	case e.inwards:
		line("lmtp", "%s: to=<%s>, relay=mail[private/dovecot-lmtp], delay=0.2, delays=0.1/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 <%s> saved)", id, e.to, e.to)
	case e.failed:
		line("smtp", "%s: to=<%s>, relay=mx.example[198.51.100.7]:25, delay=0.5, delays=0.1/0/0.1/0.3, dsn=5.1.1, status=bounced (host mx.example[198.51.100.7] said: 550 5.1.1 no such user)", id, e.to)
	case e.orig != "":
		line("smtp", "%s: to=<%s>, orig_to=<%s>, relay=mx.example[198.51.100.7]:25, delay=0.5, delays=0.1/0/0.1/0.3, dsn=2.0.0, status=sent (250 2.0.0 OK)", id, e.to, e.orig)
	default:
		line("smtp", "%s: to=<%s>, relay=mx.example[198.51.100.7]:25, delay=0.5, delays=0.1/0/0.1/0.3, dsn=2.0.0, status=sent (250 2.0.0 OK)", id, e.to)
	}
}
