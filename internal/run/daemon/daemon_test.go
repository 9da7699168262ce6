package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postward/internal/guard"
	"postward/internal/host/learn"
	"postward/internal/host/postfix"
	"postward/internal/host/warden"
	"postward/internal/log/follow"
	"postward/internal/log/maillog"
	"postward/internal/mail/milter"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
	"postward/internal/run/notify"
	"postward/internal/run/store"
)

// begin starts a daemon on a state directory, without its goroutines. Its Postfix does not exist: every act fails.
func begin(t testing.TB, dir string) *Daemon {
	t.Helper()
	return beginIn(t, dir, guard.Enforce)
}

func beginIn(t testing.TB, dir string, mode guard.Mode) *Daemon {
	t.Helper()
	text := fmt.Sprintf("mode = %q\nstate_dir = %q\n[domains]\nlocal = [\"example.org\"]\n", mode, dir)
	c, err := config.Parse("test", text)
	if err != nil {
		t.Fatal(err)
	}
	n, err := notify.New(notify.Channels{})
	if err != nil {
		t.Fatal(err)
	}
	acts := &warden.Acts{Postfix: postfix.Instance{ConfigDir: filepath.Join(dir, "nothing")}, Trash: warden.Trash{Dir: filepath.Join(dir, "trash")}}
	d, err := start(t.Context(), Parts{Config: c, Warden: warden.Direct(acts), Notify: n, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func end(t testing.TB, d *Daemon) {
	t.Helper()
	d.flushRefusals()
	d.checkpoint()
	if err := d.store.Close(); err != nil {
		t.Fatal(err)
	}
}

// must says a verb as an operator.
func must(t testing.TB, d *Daemon, verb string, request any) any {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := d.answer(t.Context(), "root", verb, body)
	if err != nil {
		t.Fatalf("%s: %v", verb, err)
	}
	return reply
}

func mail(n int, account string, recipients int) *guard.Transaction {
	at := now()
	m := &guard.Transaction{
		Stage: guard.StageEnd, At: at, MailAt: at, Direction: guard.Submission, QueueID: fmt.Sprintf("%X", 0xA000000+n),
		Client: netip.MustParseAddr("203.0.113.80"), Login: account, ReversePath: account + "@example.org",
		Authors: []string{account + "@example.org"}, Zone: guard.NoZone,
	}
	for i := range recipients {
		m.Recipients = append(m.Recipients, fmt.Sprintf("r%d-%d@example.net", n, i))
	}
	return m
}

// heldMail makes a mail that is held for a person.
func heldMail(t *testing.T, d *Daemon) *guard.Mail {
	t.Helper()
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	if a := d.judgeEnd(t.Context(), mail(1, "anna", 20)); a.Action != guard.Hold {
		t.Fatalf("a mail over the budget: %+v", a)
	}
	return d.held().Mails[0]
}

// runs runs a part of the daemon until the test ends, or it ends by itself.
func runs(t *testing.T, part func(context.Context) error) (ended chan error) {
	ctx, cancel := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	var joined sync.WaitGroup
	joined.Go(func() { ended <- part(ctx) })
	t.Cleanup(func() { cancel(); joined.Wait() })
	return ended
}

func TestPanicLeavesTheMutexFree(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	whole := d.state
	for _, judge := range []func(context.Context, *guard.Transaction) milter.Answer{d.judgeMail, d.judgeEnd} {
		d.state = nil // a bug
		if !panics(func() { judge(t.Context(), mail(1, "anna", 1)) }) {
			t.Error("no panic: the test proves nothing")
		}
		d.state = whole
		if !d.mu.TryLock() {
			t.Fatal("the mutex is locked for ever")
		}
		d.mu.Unlock()
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

func TestFloodOfRefusalsIsFewRows(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			if a := d.judgeMail(t.Context(), mail(i, "alarm", 1)); a.Action != guard.Reject {
				t.Errorf("an account that is not on the list: %+v", a)
			}
		})
	}
	all.Wait()
	if a := must(t, d, "account/show", ctl.Name{Account: "alarm"}).(ctl.Account); a.Refused != 1000 {
		t.Errorf("%d refused", a.Refused)
	}
	end(t, d)
	d = begin(t, dir)
	defer end(t, d)
	if a := must(t, d, "account/show", ctl.Name{Account: "alarm"}).(ctl.Account); a.Refused != 1000 {
		t.Errorf("%d refused, says the journal", a.Refused)
	}
	rows := 0
	for _, err := range d.store.Journal(t.Context(), store.Filter{Kind: guard.KindJudged}) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	if rows != 2 {
		t.Errorf("%d rows for a flood of one kind", rows)
	}
}

// An effect whose mail left, or was taken in hand by somebody else, ends.
func TestEffectWithNothingToDoEnds(t *testing.T) {
	for name, then := range map[string]string{
		"removed": "A000001: removed", "held by another": "A000001: placed on hold",
	} {
		d := begin(t, t.TempDir())
		m := heldMail(t, d)
		must(t, d, "held/release", ctl.MailsRequest{QueueIDs: []string{m.QueueID}})
		program := map[string]string{"removed": "qmgr", "held by another": "postsuper"}[name]
		line(t, d, fmt.Sprintf("%s host postfix/%s[7]: %s", now().Time().Format("2006-01-02T15:04:05.000000-07:00"), program, then), 100)
		carryAll(t, d)
		for id := range d.state.Effects() {
			if strings.HasPrefix(id, "release:") {
				t.Errorf("%s: %s stays", name, id)
			}
		}
		if m := d.state.Mail(m.ID); name == "held by another" && (m == nil || m.Status != guard.MailForeign) {
			t.Errorf("%s: the mail is %+v", name, m)
		}
		end(t, d)
	}
}

// line gives the daemon a line of the log, twice: as when it is read again after a crash.
func line(t *testing.T, d *Daemon, text string, offset int64) {
	t.Helper()
	var l maillog.Line
	if !maillog.Parse([]byte(text), &l) || l.Kind == maillog.Other {
		t.Fatalf("not understood: %s", text)
	}
	for range 2 {
		if _, err := d.takeLine(&l, follow.Key{Ino: 1, Offset: offset}); err != nil {
			t.Fatal(err)
		}
	}
}

// carryAll carries out what is in line.
func carryAll(t *testing.T, d *Daemon) {
	t.Helper()
	var next *work
	for len(d.due) > 0 || next != nil {
		batch, rest, _ := d.gather(t.Context(), next)
		next = rest
		d.carry(t.Context(), batch)
		for i := range batch {
			d.leaveLine(batch[i].effect.ID)
		}
	}
}

// The line that our own act writes is not somebody else's hand, also when it is read twice.
func TestOwnHoldReadTwiceStaysOurs(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	m := mail(1, "anna", 1)
	m.Client = netip.MustParseAddr("127.0.0.1")
	d.judgeEnd(t.Context(), m)
	d.mu.Lock()
	followed := d.state.Queued(m.QueueID)
	followed.Status, followed.Holds = guard.MailHeld, 1
	d.mu.Unlock()
	line(t, d, now().Time().Format("2006-01-02T15:04:05.000000-07:00")+" host postfix/postsuper[7]: "+m.QueueID+": placed on hold", 100)
	if followed.Status != guard.MailHeld {
		t.Errorf("our own line, read twice: %s", followed.Status)
	}
	line(t, d, now().Time().Format("2006-01-02T15:04:05.000000-07:00")+" host postfix/postsuper[8]: "+m.QueueID+": placed on hold", 200)
	if followed.Status != guard.MailForeign {
		t.Errorf("somebody else's line: %s", followed.Status)
	}
}

// A failed effect waits before it is tried again, and an undone one is in line once.
func TestFailedEffectWaits(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	m := heldMail(t, d)
	must(t, d, "held/release", ctl.MailsRequest{QueueIDs: []string{m.QueueID}})
	for range 3 {
		d.doDue()
	}
	if len(d.due) != 1 {
		t.Errorf("%d in line", len(d.due))
	}
	carryAll(t, d)
	f := d.state.Effects()["release:"+m.ID]
	if f == nil || f.Attempts != 1 || f.Error == "" {
		t.Fatalf("after a failure: %+v", f)
	}
	d.doDue()
	if len(d.due) != 0 {
		t.Error("tried again at once")
	}
}

func TestAlertWithoutChannelStaysUndone(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	heldMail(t, d)
	w := <-d.alerts
	d.sendAlert(t.Context(), &w.effect)
	if f := d.state.Effects()[w.effect.ID]; f == nil || f.Attempts != 1 {
		t.Errorf("the alert: %+v", f)
	}
	if s := d.status(); len(s.Troubles) != 1 || !strings.Contains(s.Troubles[0], "notify.urls") {
		t.Errorf("status says %q", s.Troubles)
	}
}

func TestBadLearnedFileIsNoReasonNotToStart(t *testing.T) {
	dir := t.TempDir()
	good, err := json.Marshal(&guard.Event{Key: "learned:anna", Kind: guard.KindLearned, At: 1, Account: "anna", Listing: &guard.Listing{Since: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, learn.File), append(good, "\n{broken\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	d := begin(t, dir)
	defer end(t, d)
	if d.state.Account("anna") == nil {
		t.Error("the good line is lost")
	}
	if _, err := os.Stat(filepath.Join(dir, learn.File+".bad")); err != nil {
		t.Error(err)
	}
}

// A verb on a closed incident does not reach the account's other mail.
func TestClosedIncidentDecidesItsOwnMailOnly(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	heldMail(t, d)
	id := ctl.IncidentRequest{ID: 1}
	if a := must(t, d, "incident/close", id).(ctl.Acted); a.Mails != 1 {
		t.Errorf("close leaves %d in hold", a.Mails)
	}
	cool := mail(2, "anna", 1)
	if a := d.judgeEnd(t.Context(), cool); a.Action != guard.Hold {
		t.Fatalf("an unusual mail: %+v", a)
	}
	if a := must(t, d, "incident/delete", id).(ctl.Acted); a.Mails != 1 {
		t.Errorf("%d deleted", a.Mails)
	}
	if m := d.state.Queued(cool.QueueID); m == nil || m.Status != guard.MailCooling {
		t.Errorf("the other mail: %+v", m)
	}
	body := []byte(`{"id":1}`)
	var p *ctl.Problem
	if _, err := d.answer(t.Context(), "root", "incident/delete", body); !errors.As(err, &p) {
		t.Errorf("nothing is held any more: %v", err)
	}
}

func TestAllowKeepsWhatItIsNotTold(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "account/allow", ctl.AccountChange{Account: "News", Listing: &guard.Listing{Class: guard.Newsletter, Budget: 500, Addresses: []string{"news@example.org"}}})
	must(t, d, "account/allow", ctl.AccountChange{Account: "news"})
	a := must(t, d, "account/show", ctl.Name{Account: "news"}).(ctl.Account)
	if l := a.Listing; l.Class != guard.Newsletter || l.Budget != 500 || len(l.Addresses) != 1 {
		t.Errorf("%+v", l)
	}
}

// FuzzAnswer says anything to the operator's desk. Nothing panics, and the State is still the folded journal's.
func FuzzAnswer(f *testing.F) {
	for _, verb := range []string{"status", "account/show", "account/allow", "account/explain", "account/learn", "account/forget", "incident/release", "incident/spam", "held/release", "held/show", "no/such"} {
		f.Add(verb, []byte(`{"account":"anna","id":1,"queue_ids":["4ABC"],"listing":{"addresses":["*"],"budget":3},"recipients":["x@y.test"]}`))
	}
	f.Fuzz(func(t *testing.T, verb string, body []byte) {
		if verb == "held/list" { // asks Postfix's tools, and nothing that is said
			return
		}
		d := begin(t, t.TempDir())
		heldMail(t, d)
		d.answer(t.Context(), "root", verb, body) // an error is as good
		if a := d.judgeEnd(t.Context(), mail(2, "nobody", 1)); a.Action != guard.Reject && !bytes.Contains(body, []byte("nobody")) {
			t.Errorf("after %q %q an account that is not listed gets %s", verb, body, a.Action)
		}
		end(t, d)
	})
}
