package guard

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// What a thief who has read the source tried, and an outsider. Each was seen to work on the first release.

// settled is a world whose site is no longer new: anna has written for two months from home, with her own program.
func settled(t *testing.T) *world {
	w := newWorld(t)
	w.allow("anna")
	for day := range 60 {
		for i := range 3 {
			w.from("anna", home, fmt.Sprintf("friend%d@far.example", (day+i)%9))
		}
		w.pass(3 * time.Minute)
		w.now = w.now.Add(24*time.Hour - 3*time.Minute)
	}
	if a := w.state.Account("anna"); a.Sources.level(source{Network: netip.MustParseAddr(home.addr)}, false) != LevelAddress || a.Known.Len() != 9 {
		t.Fatalf("anna is not at home: %d known, %+v", a.Known.Len(), a.Sources)
	}
	return w
}

// place is where a mail comes from.
type place struct {
	addr, country, program string
	asn                    uint32
}

var (
	home    = place{"198.51.100.7", "CH", "Thunderbird", 64500}
	foreign = place{"203.0.113.80", "VN", "bot", 64501}
)

// from sends a mail and returns its verdict.
func (w *world) from(account string, p place, to ...string) Verdict {
	w.t.Helper()
	m := w.mail(account, p.addr, to...)
	m.ASN, m.Country, m.Mailer = p.asn, p.country, p.program
	m.Fingerprint = uint64(w.mails) * 0x9e3779b97f4a7c15 // each a text of its own
	v, _ := w.send(m)
	return v
}

// leaves reports whether a mail goes its way, now or when it has cooled.
func leaves(v Verdict) bool { return v.Action == Accept || v.Cool }

// reach sends one mail to a stranger every so often, and returns how many leave.
func (w *world) reach(account string, p place, every time.Duration, mails int) int {
	n := 0
	for i := range mails {
		if leaves(w.from(account, p, fmt.Sprintf("victim%d-%d@new.example", w.mails, i))) {
			n++
		}
		w.pass(3 * time.Minute)
		w.now = w.now.Add(every - 3*time.Minute)
	}
	return n
}

func TestOneMailInFiveHoursIsBounded(t *testing.T) {
	w := settled(t)
	if n := w.reach("anna", foreign, 5*time.Hour, 48); n > 20 {
		t.Errorf("%d strangers in ten days", n)
	}
}

// A thief writes to mailboxes of his own until his server is known.
func TestAThiefCannotTrustHimself(t *testing.T) {
	for name, his := range map[string][]string{
		"to one mailbox of his own": {"me@thief.example"},
		"to several":                {"me@thief.example", "i@thief.example", "myself@thief.example", "a@other.example"},
		"to the account's friends":  {"friend1@far.example", "friend2@far.example", "friend3@far.example", "friend4@far.example"},
	} {
		w := settled(t)
		for i := range 12 {
			w.from("anna", foreign, his[i%len(his)])
			w.pass(3 * time.Minute)
			w.now = w.now.Add(6 * time.Hour)
		}
		if v := Judge(w.state, w.mail("anna", foreign.addr, "victim@new.example")); v.Level != LevelNew || v.tier() != TierForeign {
			t.Errorf("%s: his server is a %s", name, v.Level)
		}
		if n := w.reach("anna", foreign, 10*time.Minute, 144); n > 6 {
			t.Errorf("%s: %d strangers in a day after it", name, n)
		}
	}
}

// Three kinds of source have one total: the best one's.
func TestKindsOfSourceShareOneTotal(t *testing.T) {
	w := settled(t)
	n := 0
	for _, p := range []place{home, {"198.51.100.99", "CH", "Thunderbird", 64500}, {"203.0.113.81", "CH", "Thunderbird", 64502}, foreign} {
		for i := range 90 {
			if !leaves(w.from("anna", p, fmt.Sprintf("victim%d-%s@new.example", i, p.addr))) {
				break // he knows when to stop
			}
			n++
			w.now = w.now.Add(time.Minute)
		}
		w.now = w.now.Add(5 * time.Hour) // what was gathered is halved
	}
	if n > 60 {
		t.Errorf("%d strangers in a day", n)
	}
}

// A mail program that a thief copied says nothing about a country that the account never wrote from.
func TestACopiedProgramMakesNoCountryFamiliar(t *testing.T) {
	w := settled(t)
	m := w.mail("anna", "203.0.113.80", "victim@new.example")
	m.ASN, m.Country, m.Mailer = 64501, "RU", home.program
	if v := Judge(w.state, m); v.Level != LevelNew {
		t.Errorf("%s (%s)", v.Level, v.Why)
	}
}

// The owner's country and program are in her Sent folder: they do not open her address book to one text.
func TestCopiedCountryAndProgramDoNotOpenTheAddressBook(t *testing.T) {
	w := settled(t)
	for day := range 60 {
		for i := range 5 {
			w.from("anna", home, fmt.Sprintf("friend%d@far.example", day*5+i))
		}
		w.pass(3 * time.Minute)
		w.now = w.now.Add(24 * time.Hour)
	}
	copied := place{"203.0.113.81", "CH", "Thunderbird", 64502}
	reached := map[string]bool{}
	for i := range 300 {
		to := fmt.Sprintf("friend%d@far.example", i)
		if leaves(w.from("anna", copied, to)) {
			reached[to] = true
		}
		w.now = w.now.Add(time.Minute)
	}
	if w.state.Account("anna").Known.Len() < 300 {
		t.Fatal("the address book is empty: the test tests nothing")
	}
	if len(reached) > 40 {
		t.Errorf("%d of her people in a day", len(reached))
	}
}

// Mail to himself does not launder the score.
func TestMailToHimselfForgivesNothing(t *testing.T) {
	w := settled(t)
	copied := place{"203.0.113.81", "CH", "Thunderbird", 64502}
	for i := range 5 {
		w.from("anna", copied, fmt.Sprintf("victim%d@new.example", i))
	}
	w.pass(3 * time.Minute)
	before := w.state.Account("anna").Suspicion.decayed(w.now)
	for range 30 {
		w.from("anna", copied, "victim0@new.example")
	}
	if after := w.state.Account("anna").Suspicion.decayed(w.now); after < before {
		t.Errorf("%s points became %s", before, after)
	}
}

// Whoever forged mail to the account first is a stranger all the same.
func TestForgedMailMakesNobodyKnown(t *testing.T) {
	w := settled(t)
	n := 0
	for i := range 30 {
		victim := fmt.Sprintf("victim%d@new.example", i)
		in := &Transaction{ID: fmt.Sprint("in", i), Stage: StageEnd, At: w.now, Direction: Inbound, ReversePath: victim, Recipients: []string{"anna@example.org"}}
		for _, e := range Written(w.state, in) {
			w.apply(e)
		}
		if leaves(w.from("anna", foreign, victim)) {
			n++
		}
		w.now = w.now.Add(time.Minute)
	}
	if n > 6 {
		t.Errorf("%d strangers in half an hour", n)
	}
}

// An address that was made to have a known one's hash without a key is a stranger's. It was found by a meet in the middle.
func TestAMadeHashIsNotKnown(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	a := w.state.touch("anna")
	a.Known.add(w.state.site.Secret.hash(collision[0]), w.now, 0)
	a.rememberUnkeyed([]uint64{unkeyedHash(collision[0])}, w.now) // and as the first release left it
	if unkeyedHash(collision[0]) != unkeyedHash(collision[1]) {
		t.Fatal("the two addresses do not collide: the test tests nothing")
	}
	if v := Judge(w.state, w.mail("anna", foreign.addr, collision[1])); v.New != 1 {
		t.Errorf("%s passes for %s", collision[1], collision[0])
	}
	if v := Judge(w.state, w.mail("anna", foreign.addr, collision[0])); v.Known != 1 {
		t.Errorf("%s is forgotten", collision[0])
	}
}

var collision = [2]string{"friend0@far.example", "m30+laiw51f8pcqv0vsdj2r4faz7@big.example"}

// In shadow mode a refusal hides no hold: the story's own attack, in another's name, from an account that is not listed.
func TestShadowModeSeesTheStorysAttack(t *testing.T) {
	for name, as := range map[string]func(*Transaction){
		"as another":        func(m *Transaction) { m.Authors = []string{"george@bank.example"} },
		"without a listing": func(m *Transaction) { m.Login = "alarm" },
		"as itself":         func(*Transaction) {},
	} {
		w := newWorld(t)
		w.apply(Event{Key: "shadow", Kind: KindPolicy, Policy: shadowPolicy()})
		w.allow("anna")
		account, alerts := "", 0
		for i := range 200 {
			m := w.mail("anna", foreign.addr, fmt.Sprintf("victim%d@new.example", i))
			as(m)
			m.Fingerprint = 0xfeedfacecafe
			v, effects := w.send(m)
			account = v.Account
			if v.Action != Accept {
				t.Fatalf("%s: %s in shadow mode", name, v.Action)
			}
			alerts += len(effects)
			w.now = w.now.Add(time.Second)
		}
		i := w.state.OpenIncident(account)
		if i == nil || !i.Shadow || i.Held+i.Refused < 190 {
			t.Errorf("%s: %+v", name, i)
		}
		if a := w.state.Account(account); a.Known.Len() > 20 || alerts == 0 {
			t.Errorf("%s: %d strangers were learned, %d alerts", name, a.Known.Len(), alerts)
		}
		w.same()
	}
}

// An incident of shadow mode does not swallow the attack that comes when enforcing has begun.
func TestEnforcingBeginsWithACleanSheet(t *testing.T) {
	w := newWorld(t)
	enforcing := w.state.Policy()
	w.apply(Event{Key: "shadow", Kind: KindPolicy, Policy: shadowPolicy()})
	w.allow("anna")
	attack := func(tag string) (contained bool, alerts int) {
		for i := range 100 {
			m := w.mail("anna", foreign.addr, fmt.Sprintf("%s%d@new.example", tag, i))
			m.Fingerprint = 0xfeedfacecafe
			_, effects := w.send(m)
			for _, f := range effects {
				if f.Act == ActAlert {
					alerts++
				}
			}
			w.now = w.now.Add(time.Second)
		}
		i := w.state.OpenIncident("anna")
		return i != nil && i.Contained != 0 && !i.Shadow, alerts
	}
	attack("shadow")
	told := w.state.OpenIncident("anna")
	w.apply(Event{Key: "enforce", Kind: KindPolicy, Policy: enforcing})
	if told == nil || told.Status != IncidentClosed || w.state.Account("anna").Status != Normal {
		t.Fatalf("the sheet is not clean: %+v", told)
	}
	if contained, alerts := attack("real"); !contained || alerts < 2 {
		t.Errorf("contained %v, %d alerts", contained, alerts)
	}
	w.same()
}

// What goes on in shadow mode is told again: its incident ends after a day.
func TestAShadowIncidentEndsAfterADay(t *testing.T) {
	w := newWorld(t)
	w.apply(Event{Key: "shadow", Kind: KindPolicy, Policy: shadowPolicy()})
	w.allow("anna")
	w.from("anna", foreign, rcpts(30, "victim")...)
	first := w.state.OpenIncident("anna")
	w.now = w.now.Add(25 * time.Hour)
	w.pass(2 * time.Second)
	if first == nil || first.Status != IncidentClosed || first.Outcome != OutcomeShadow {
		t.Fatalf("%+v", first)
	}
	if _, effects := w.send(w.mail("anna", foreign.addr, rcpts(40, "more")...)); len(effects) != 1 || effects[0].Stage != AlertOpened {
		t.Errorf("it is not told again: %+v", effects)
	}
	w.same()
}

func shadowPolicy() *Policy {
	p := DefaultPolicy()
	p.Domains = []string{"example.org"}
	return p
}

// A web shell sends by sendmail, by the loopback interface, and when the log is late.
func TestAWebShellIsHeldBeyondItsBudget(t *testing.T) {
	inject := func(w *world, by func(*Transaction)) Verdict {
		m := w.mail("", "", fmt.Sprintf("victim%d@new.example", w.mails))
		m.Direction, m.ReversePath, m.Authors = Local, "ceo@bank.example", []string{"ceo@bank.example"}
		by(m)
		v, _ := w.send(m)
		w.now = w.now.Add(time.Second)
		return v
	}
	ways := map[string]func(*Transaction){
		"sendmail":              func(m *Transaction) { m.UnixUser = "www-data" },
		"sendmail, log is late": func(*Transaction) {},
		"loopback": func(m *Transaction) {
			m.Direction, m.Client, m.UnixUser = Inbound, netip.MustParseAddr("127.0.0.1"), "www-data"
		},
		"loopback, nobody knows who": func(m *Transaction) { m.Direction, m.Client = Submission, netip.MustParseAddr("::1") },
		"a host of mynetworks":       func(m *Transaction) { m.Direction, m.Client = Inbound, netip.MustParseAddr("192.0.2.9") },
	}
	all := newWorld(t)
	all.allow("anna")
	together := 0
	for name, by := range ways {
		w := newWorld(t)
		w.allow("anna")
		n := 0
		for range 200 {
			v := inject(w, by)
			if leaves(v) {
				n++
			}
			if leaves(inject(all, by)) && v.Account != "net:192.0.2.9" {
				together++
			}
		}
		if n == 0 || n > 40 || len(w.state.Incidents()) != 1 {
			t.Errorf("%s: %d of 200 left, %d incidents", name, n, len(w.state.Incidents()))
		}
	}
	if together > 80 { // the user's own, and the unknown one's
		t.Errorf("%d left by all ways of one user together", together)
	}
}

// Who was denied is denied by every way, and when nobody knows who it is his mail waits with its sender.
func TestADeniedUserIsDeniedOverLoopback(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.apply(Event{Key: "deny", Kind: KindDenied, Account: "local:www-data", Actor: "test"})
	m := w.mail("", "127.0.0.1", "victim@new.example")
	m.Direction, m.UnixUser = Inbound, "www-data"
	if v := Judge(w.state, m); v.Action != Reject || v.Account != "local:www-data" {
		t.Errorf("over loopback: %s of %s", v.Action, v.Account)
	}
	m.UnixUser = ""
	if v := Judge(w.state, m); v.Action != Tempfail || v.Account != Unknown {
		t.Errorf("over loopback, unknown: %s of %s", v.Action, v.Account)
	}
	m.Direction, m.Client = Local, netip.Addr{}
	if v := Judge(w.state, m); v.Action != Tempfail || v.Account != Unknown {
		t.Errorf("by sendmail, unknown: %s of %s", v.Action, v.Account)
	}
}

// An outsider asks for an answer to ten addresses of his that all refuse it as spam. Abroad she writes to two old friends.
func TestAnOutsiderLocksNobodyOut(t *testing.T) {
	for name, domain := range map[string]string{"one domain": "him.example", "many domains": "him%d.example"} {
		w := settled(t)
		var his []string
		for i := range 10 {
			d := domain
			if name == "many domains" {
				d = fmt.Sprintf(domain, i)
			}
			his = append(his, fmt.Sprintf("m%d@%s", i, d))
		}
		in := &Transaction{ID: "in", Stage: StageEnd, At: w.now, Direction: Inbound, ReversePath: his[0], ReplyTo: his, Recipients: []string{"anna@example.org"}}
		for _, e := range Written(w.state, in) {
			w.apply(e)
		}
		for _, answer := range [][]string{his, his[:1], his[1:2], his[2:3], his[3:4]} {
			w.from("anna", home, answer...)
			for _, to := range answer {
				id := fmt.Sprintf("m%d", w.mails)
				w.apply(Event{Key: "bounced:" + id + to, Kind: KindBounced, Mail: id, Recipient: to, DSN: "5.7.1"})
			}
			w.now = w.now.Add(time.Minute)
		}
		for _, to := range []string{"friend1@far.example", "friend2@far.example", "new@far.example"} {
			if v := w.from("anna", foreign, to); !leaves(v) {
				t.Errorf("%s: %s: %s (%s)", name, to, v.Action, v.Why)
			}
			w.now = w.now.Add(10 * time.Minute)
		}
		if s := w.state.Account("anna").Status; s != Normal {
			t.Errorf("%s: she is %s", name, s)
		}
	}
}

// Forty days of forged mail push out nobody whom she knows.
func TestForgedMailPushesNobodyOut(t *testing.T) {
	w := settled(t)
	before := slices.Clone(w.state.Account("anna").Known.hashes)
	for i := range 1200 {
		in := &Transaction{ID: fmt.Sprint("in", i), Stage: StageEnd, At: w.now, Direction: Inbound, ReversePath: fmt.Sprintf("f%d@new.example", i), Recipients: []string{"anna@example.org"}}
		for _, e := range Written(w.state, in) {
			w.apply(e)
		}
		w.now = w.now.Add(48 * time.Minute)
	}
	if !slices.Equal(before, w.state.Account("anna").Known.hashes) {
		t.Errorf("%d are known of %d", w.state.Account("anna").Known.Len(), len(before))
	}
}

// A first day at work: a round to the new colleagues, and half an hour later an ordinary mail.
func TestAFirstDayAtWorkIsNotStopped(t *testing.T) {
	w := settled(t)
	w.allow("newbie")
	at := place{"203.0.113.150", "CH", "Outlook", 64509}
	w.from("newbie", at, rcpts(25, "colleague")...)
	w.now = w.now.Add(30 * time.Minute)
	w.from("newbie", at, "customer@new.example")
	w.now = w.now.Add(30 * time.Minute)
	w.from("newbie", at, "colleague3@far.example")
	if s := w.state.Account("newbie").Status; s == Contained {
		t.Errorf("stopped for %v", w.state.OpenIncident("newbie").Evidence.Names())
	}
}

// A newsletter that was released once is not held again a month later.
func TestAReleasedNewsletterIsNotHeldAgain(t *testing.T) {
	w := settled(t)
	issue := func(n int) (held int) {
		for i := range 3 {
			m := w.mail("anna", home.addr, rcpts(100, fmt.Sprintf("reader%d-", i))...)
			m.ASN, m.Country, m.Mailer, m.Fingerprint = home.asn, home.country, home.program, uint64(n)*0x9e3779b97f4a7c15
			if v, _ := w.send(m); v.Action == Hold && !v.Cool {
				held++
			}
		}
		more := w.mail("anna", home.addr, rcpts(200, fmt.Sprintf("subscriber%d-", n))...) // and new ones each month
		more.ASN, more.Country, more.Mailer, more.Fingerprint = home.asn, home.country, home.program, uint64(n)*0x9e3779b97f4a7c15
		if v, _ := w.send(more); v.Action == Hold && !v.Cool {
			held++
		}
		return held
	}
	if issue(1) == 0 {
		t.Fatal("the first one is not held: the test tests nothing")
	}
	w.apply(Event{Key: "release", Kind: KindRelease, Incident: w.state.OpenIncident("anna").ID, Actor: "administrator"})
	for n := range 3 {
		w.pass(5 * time.Minute)
		w.now = w.now.Add(30 * 24 * time.Hour)
		if held := issue(n + 2); held != 0 {
			t.Errorf("%d months later %d parts are held", n+1, held)
		}
	}
}

// Where Postfix delivers anna+shop@ to anna@, she writes as anna+shop@.
func TestAPlusAddressIsItsOwners(t *testing.T) {
	for _, c := range []struct {
		delimiter, address string
		own                bool
	}{
		{"+", "anna+shop@example.org", true},
		{"+", "anna+a+b@example.org", true},
		{"+-", "anna-shop+x@example.org", true},
		{"+", "anna-shop@example.org", false},
		{"", "anna+shop@example.org", false},
		{"+", "+anna@example.org", false},
		{"+", "anna+shop@elsewhere.example", false},
		{"+", "annab+shop@example.org", false},
		{"+", `"anna+shop"@example.org`, false},
	} {
		w := newWorld(t)
		p := *w.state.Policy()
		p.Delimiter = c.delimiter
		w.apply(Event{Key: "delimiter", Kind: KindPolicy, Policy: &p})
		w.allow("anna")
		w.allow("annabel", "annabel@example.org")
		m := w.mail("anna", "192.0.2.7", "x@far.example")
		m.Authors = []string{c.address}
		if v := Judge(w.state, m); (v.Reason != ReasonAuthor) != c.own {
			t.Errorf("%q %s: %s (%s)", c.delimiter, c.address, v.Action, v.Why)
		}
		in := &Transaction{ID: "in", At: w.now, Direction: Inbound, ReversePath: "x@far.example", Recipients: []string{c.address}}
		if told := Written(w.state, in); (len(told) == 1) != c.own {
			t.Errorf("%q %s: %d accounts got mail", c.delimiter, c.address, len(told))
		}
	}
}
