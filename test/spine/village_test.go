//go:build daemons

package spine_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postward/test/rig"
)

// villageSeed is any number: VILLAGE_SEED tries another one.
const villageSeed = 1

// villageSettings: as the operator of a small site has them. What waits, waits for seconds.
const villageSettings = "[domains]\nlocal = [\"example.org\"]\n[networks]\nown = [\"127.0.0.0/8\", \"192.0.2.0/24\"]\n[cooling]\ntime = \"10s\"\n"

// TestVillage: the day of a small site, after a month that was learned, on a real Postfix. Honest mail arrives, and a thief gets no
// further than docs/decides.md says.
//
// A day of 24 hours takes nine minutes with PROVE, and 40 seconds without, with a tenth of the mails. The guard's own times are
// not compressed, so that the village is judged more severely than a real one: all of its day lies within one hour, what an
// account gathers does not fade, and the hour in which five held mails stop an account is the whole day. Only the wait of two
// minutes is ten seconds, in which a thief in haste sends as many.
func TestVillage(t *testing.T) {
	part, long := 10, 40*time.Second
	if os.Getenv("PROVE") != "" {
		part, long = 1, 9*time.Minute
	}
	seed := uint64(villageSeed)
	if s, err := strconv.ParseUint(os.Getenv("VILLAGE_SEED"), 10, 64); err == nil {
		seed = s
	}
	v := newVillage(seed)
	f := v.founded(t, v.month(time.Now().UTC().Truncate(24*time.Hour)))
	for _, command := range v.commands() {
		f.do(t, command...)
	}
	sent := f.live(v.day(part), long)
	f.night(t)
	f.reckon(t, sent)
}

// founded is a Postfix beside whose log the month's lies, with postward attached: it learns from that.
func (v *village) founded(t *testing.T, month string) *field {
	t.Helper()
	binary, err := rig.Build()
	if err != nil {
		t.Fatal(err)
	}
	p := &v.people[forwarded]
	site, err := rig.NewSite(rig.PostfixConfig{Main: map[string]string{
		"mynetworks": "127.0.0.0/8 192.0.2.0/24", "recipient_delimiter": "+", "always_bcc": archive,
		"virtual_alias_maps": "inline:{ { " + p.address() + " = " + p.name + boxOf + " } }",
	}}, v.logins())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := site.Close(); err != nil {
			t.Error(err)
		}
	})
	site.Sink.Answer(archive, rig.Answer{Code: 552, Text: "5.2.2 mailbox full"})
	site.Sink.Answer(v.dead, rig.Answer{Code: 550, Text: "5.1.1 no such user"})
	rig.WriteFile(t, site.Postfix.LogPath+".1", []byte(month), 0o644)
	w, err := rig.Attach(site.Postfix, rig.PostwardConfig{Binary: binary, Mode: "enforce", Settings: villageSettings})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	t.Cleanup(cancel)
	f := &field{Site: site, Postward: w, ctx: ctx}
	f.begin(t)
	return f
}

// begin starts postward and Postfix, and ends postward with the test.
func (f *field) begin(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if err := f.Postward.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("postward said:\n%s", f.Postward.LogTail(30))
		}
	})
	if err := f.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.Site.Postfix.Start(); err != nil {
		t.Fatal(err)
	}
}

// live sends the day's mail, each moment in its time, a few at once. What is late comes as soon as it can.
func (f *field) live(day []moment, long time.Duration) []posting {
	var mu sync.Mutex
	var sent []posting
	began, hands, all := time.Now(), make(chan struct{}, 4), sync.WaitGroup{}
	for _, m := range day {
		select {
		case <-f.ctx.Done():
		case <-time.After(time.Until(began.Add(time.Duration(m.at * float64(long))))): // a timetable: nothing is waited for
		}
		if !m.rush {
			hands <- struct{}{}
		}
		all.Go(func() {
			f.happens(&m)
			mu.Lock()
			sent = append(sent, m.letters...)
			mu.Unlock()
			if !m.rush {
				<-hands
			}
		})
	}
	all.Wait()
	return sent
}

// happens sends a moment's letters.
func (f *field) happens(m *moment) {
	if m.rush {
		load := rig.Load{Client: f.clientOf(&m.letters[0]), Count: len(m.letters), Parallel: 3, PerSession: 50, Mail: func(i int) rig.Mail { return m.letters[i].mail }}
		for i, mail := range load.Send(f.ctx) {
			m.letters[i].mail = mail
		}
		return
	}
	for i := range m.letters {
		f.post(&m.letters[i])
	}
}

func (f *field) clientOf(l *posting) rig.Client {
	c := rig.Client{Addr: f.Site.Postfix.SMTP(), Address: l.address}
	if l.via == byLogin {
		c.Addr, c.User, c.Password = f.Site.Postfix.Submission(), l.user, "password of "+l.user
	}
	return c
}

// post sends one posting, and notes where its copy has to arrive.
func (f *field) post(l *posting) {
	if l.via != byTool {
		l.mail = f.clientOf(l).SendOne(f.ctx, l.mail)
	} else if err := f.Site.Postfix.SendMail(l.user, l.mail.From, []byte(l.mail.Text()), l.mail.To...); err != nil {
		l.mail.Outcome, l.mail.Reply = rig.Refused, err.Error()
	} else {
		l.mail.Outcome = rig.Accepted
	}
	if len(l.mail.RefusedTo) == 0 {
		l.mail.To = []string{l.lands}
	}
}

// night waits until what waited has gone, and Postfix has nothing left to do.
func (f *field) night(t *testing.T) {
	t.Helper()
	f.wait(t, "what waits to go", func() error {
		if s := f.status(t); s.Cooling > 0 {
			return fmt.Errorf("%d wait", s.Cooling)
		}
		return nil
	})
	if err := f.Site.Postfix.WaitDelivered(f.ctx); err != nil {
		t.Fatal(err)
	}
}

// reckoning is what became of the day.
type reckoning struct {
	mails, heldFalsely, refusedFalsely, leaked, missing, twice int

	kinds  map[string]int // honest mails by what they are
	leaks  map[string]int // by hijack
	faults []string
}

// reckon accounts for every mail. The bounds are none that were found here: of a small site's ordinary mail one episode in a thousand days of a
// user may hold some falsely, with bursts six, and the village has 25 accounts, so it is none; docs/decides.md gives who has a password
// alone six strangers a day, and whoever is in haste is to reach nobody.
func (f *field) reckon(t *testing.T, sent []posting) {
	t.Helper()
	r := f.reckoning(t, sent)
	for _, fault := range r.faults {
		t.Error(fault)
	}
	if n := r.leaks["hijack in haste"]; n > 0 {
		t.Errorf("the thief in haste reached %d", n)
	}
	if n := r.leaks["hijack that drips"]; n > 6 {
		t.Errorf("the thief who drips reached %d", n)
	}
	if full := f.Sink.Denials(); !slices.ContainsFunc(full, func(d rig.Denial) bool { return d.To == archive }) {
		t.Error("nobody found the archive full")
	}
	t.Logf("honest mails by kind: %v; leaks: %v", r.kinds, r.leaks)
	fmt.Printf("village: mails=%d held_falsely=%d refused_falsely=%d leaked=%d missing=%d twice=%d\n", r.mails, r.heldFalsely, r.refusedFalsely, r.leaked, r.missing, r.twice)
}

func (f *field) reckoning(t *testing.T, sent []posting) *reckoning {
	t.Helper()
	r := &reckoning{mails: len(sent), kinds: map[string]int{}, leaks: map[string]int{}}
	of, mails := map[string]*posting{}, make([]rig.Mail, len(sent))
	for i := range sent {
		mails[i] = sent[i].mail
		of[mails[i].Token] = &sent[i]
		if l := &sent[i]; !l.hijack {
			r.kinds[l.kind]++
			if l.mail.Outcome != rig.Accepted || len(l.mail.RefusedTo) > 0 {
				r.refused(l)
			}
		}
	}
	ledger := f.account(t, mails)
	r.missing, r.twice = len(ledger.Missing), len(ledger.Twice)
	r.where(ledger, of)
	return r
}

// where sorts the copies by who sent them.
func (r *reckoning) where(ledger *rig.Ledger, of map[string]*posting) {
	for _, c := range ledger.Held {
		if l := of[c.Token]; !l.hijack {
			r.heldFalsely++
			r.faults = append(r.faults, "held: "+l.String())
		}
	}
	for _, c := range ledger.Returned {
		if l := of[c.Token]; !l.returns && !l.hijack { // a mail of this host's own that was refused comes back
			r.refused(l)
		}
	}
	for _, c := range ledger.AtSink {
		if l := of[c.Token]; l.hijack {
			r.leaked++
			r.leaks[l.kind]++
		}
	}
}

func (r *reckoning) refused(l *posting) {
	r.refusedFalsely++
	r.faults = append(r.faults, "refused: "+l.String())
}

func (l *posting) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %s from %s as <%s> to %v: %d %s", l.kind, l.user, l.address, l.mail.From, l.mail.To, l.mail.Code, l.mail.Reply))
}
