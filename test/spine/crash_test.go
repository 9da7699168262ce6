//go:build daemons

package spine_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"postward/test/rig"
)

// The crash table of ARCHITECTURE.md, a test a row: each verdict, and each moment at which postward can die.

// crashSite is a field whose submission wire and tools can be cut.
type crashSite struct {
	*field
	wire             *rig.Wire
	super, postqueue *rig.Tool
	people           int
	cooling          []rig.Mail // that must arrive by themselves in the end
}

// verdictCase makes postward say one verdict.
type verdictCase struct {
	name   string
	client string // an address of its own if empty
	to     int    // recipients
	listed bool   // the account may send
	first  byte   // the command of Postfix that is judged
	spends int    // never-seen recipients that the budget counts in the end
}

var verdictCases = []verdictCase{
	{name: "passed", client: office, to: 1, listed: true, first: 'E', spends: 1},
	{name: "cooling", to: 1, listed: true, first: 'E', spends: 1},
	{name: "held", to: 20, listed: true, first: 'E'},
	{name: "refused", to: 1, first: 'M'},
}

// Moments of death while a mail is judged.
const (
	beforeJudging   = "before judging"
	beforeJournal   = "after Apply, before the journal"
	beforeAnswer    = "after the journal, before the answer"
	amidQuarantine  = "during the quarantine"
	afterAnswer     = "after the answer"
	quarantineReply = 'q'
)

var judgingMoments = []string{beforeJudging, beforeJournal, beforeAnswer, amidQuarantine, afterAnswer}

func crashField(t *testing.T) *crashSite {
	t.Helper()
	s := &crashSite{field: attached(t, rig.PostwardConfig{Mode: "enforce", Behind: true,
		Settings: settings + "[cooling]\ntime = \"10s\"\n[canary]\nevery = \"0s\"\n"})}
	var err error
	if s.wire, err = s.Wire("submission"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.wire.Close() })
	if s.super, err = rig.NewTool("postsuper", "-"); err != nil { // its one argument besides the act is "-": ids on its input
		t.Fatal(err)
	}
	t.Cleanup(func() { s.super.Close() })
	if s.postqueue, err = rig.NewTool("postqueue", "-i"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.postqueue.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	s.ctx = ctx
	return s
}

// person returns an account that nobody used yet.
func (s *crashSite) person(t *testing.T, listed bool) string {
	t.Helper()
	name := fmt.Sprintf("%s%d", []string{"anna", "bob", "alarm"}[s.people/10], s.people%10)
	s.people++
	if listed {
		s.do(t, "account", "allow", name)
	}
	return name
}

// unknownAddress is an address that nobody used yet.
func (s *crashSite) unknownAddress() string { return fmt.Sprintf("203.0.113.%d", 100+s.people) }

// mailOf is a mail to so many people whom nobody ever wrote to.
func mailOf(account string, n int) rig.Mail {
	m := rig.Mail{Token: rig.NewToken(), From: account + "@example.org"}
	for i := range n {
		m.To = append(m.To, fmt.Sprintf("%s-%d@example.net", m.Token[:10], i))
	}
	return m
}

func TestCrashTableJudging(t *testing.T) {
	s := crashField(t)
	for _, c := range verdictCases {
		for _, moment := range judgingMoments {
			if moment == amidQuarantine && c.name != "cooling" && c.name != "held" || moment == beforeJournal && c.name == "refused" {
				continue // there is no such moment: nothing is quarantined; a refusal does not wait for the journal
			}
			t.Run(c.name+"/"+moment, func(t *testing.T) { s.dieJudging(t, c, moment) })
		}
	}
	s.arrived(t, s.cooling)
}

// arrived waits until mails are at the sink, each copy once.
func (s *crashSite) arrived(t *testing.T, mails []rig.Mail) {
	t.Helper()
	copies := 0
	for _, m := range mails {
		copies += len(m.To)
	}
	s.wait(t, "the mail to arrive", func() error {
		l, err := rig.Account(s.ctx, mails, s.Sink, s.Site.Postfix)
		if err == nil && len(l.AtSink) != copies {
			err = fmt.Errorf("%s", l)
		}
		return err
	})
	s.account(t, mails)
}

// dieJudging sends a mail and kills postward at a moment, starts it again, sends the mail again if it was put off, and
// accounts for it.
func (s *crashSite) dieJudging(t *testing.T, c verdictCase, moment string) {
	account := s.person(t, c.listed)
	if c.client == "" {
		c.client = s.unknownAddress()
	}
	m := mailOf(account, c.to)
	died := s.plan(t, c, moment)
	first := s.client(account, c.client).SendOne(s.ctx, m)
	select { // the client may hear of it before it is over
	case <-died:
	case <-time.After(10 * time.Second):
		t.Fatalf("postward did not die: %s %d %s", first.Outcome, first.Code, first.Reply)
	}
	s.wire.Watch(nil, nil)
	if err := s.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	s.checkFirst(t, c, moment, first)
	if first.Outcome == rig.Refused && first.Code/100 == 4 {
		first = s.client(account, c.client).SendOne(s.ctx, rig.Mail{Token: m.Token, From: m.From, To: m.To})
	}
	s.settle(t, c, account, first)
}

// plan arranges a death and returns a channel that is closed when it happened.
func (s *crashSite) plan(t *testing.T, c verdictCase, moment string) <-chan struct{} {
	died := make(chan struct{})
	asked := false
	kill := func() {
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
		close(died)
	}
	is := func(p rig.Packet) bool { // an answer to what is judged
		asked = asked || p.FromPostfix && p.Code == c.first
		return asked && !p.FromPostfix
	}
	final := func(p rig.Packet) bool { return is(p) && strings.IndexByte("acrty", p.Code) >= 0 }
	once := func(when func(rig.Packet) bool) func(rig.Packet) bool {
		return func(p rig.Packet) bool {
			select {
			case <-died:
				return false
			default:
			}
			if !when(p) {
				return true
			}
			kill()
			return false
		}
	}
	switch moment {
	case beforeJudging:
		s.wire.Watch(once(func(p rig.Packet) bool { return p.FromPostfix && p.Code == c.first }), nil)
	case beforeJournal:
		unlock, before := s.lockStore(t), s.judged(t)
		s.wire.Watch(nil, func(p rig.Packet) {
			if !p.FromPostfix || p.Code != c.first {
				return
			}
			s.wait(t, "the mail to be judged", func() error {
				if s.judged(t) == before {
					return errors.New("not yet")
				}
				return nil
			})
			kill()
			unlock()
		})
	case beforeAnswer:
		s.wire.Watch(once(is), nil)
	case amidQuarantine:
		quarantined := false
		s.wire.Watch(once(func(p rig.Packet) bool {
			before := quarantined
			quarantined = quarantined || is(p) && p.Code == quarantineReply
			return before && !p.FromPostfix
		}), nil)
	case afterAnswer:
		s.wire.Watch(func(p rig.Packet) bool { is(p); return true }, func(p rig.Packet) { // the answer may be told before the question
			select {
			case <-died:
				return
			default:
			}
			if final(p) {
				kill()
			}
		})
	}
	return died
}

// lockStore keeps the journal from being written, as a slow disk does.
func (s *crashSite) lockStore(t *testing.T) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.StateDir, "postward.db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("pragma busy_timeout = 5000; begin immediate"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// judged is how many mails postward judged since its start; the State has them, though no journal may.
func (s *crashSite) judged(t *testing.T) (n int) {
	t.Helper()
	var now struct{ Verdicts map[string]int }
	if err := s.Ask(s.ctx, &now, "status"); err != nil {
		t.Error(err)
	}
	for _, times := range now.Verdicts {
		n += times
	}
	return n
}

// checkFirst says what the client must have been told.
func (s *crashSite) checkFirst(t *testing.T, c verdictCase, moment string, m rig.Mail) {
	t.Helper()
	class := 4
	if moment == afterAnswer {
		class = 2
		if c.name == "refused" {
			class = 5
		}
	}
	if m.Code/100 != class {
		t.Errorf("the client was told %d %s, want %dxx", m.Code, m.Reply, class)
	}
}

// settle waits until a mail is where its verdict puts it, once, and postward's own books say the same.
func (s *crashSite) settle(t *testing.T, c verdictCase, account string, m rig.Mail) {
	t.Helper()
	if c.name == "refused" {
		if m.Code/100 != 5 {
			t.Errorf("it was told %d %s", m.Code, m.Reply)
		}
	} else if m.Outcome != rig.Accepted {
		t.Fatalf("the second try: %s %d %s", m.Outcome, m.Code, m.Reply)
	}
	where := func(l *rig.Ledger) (n int) {
		switch c.name {
		case "refused":
			return len(l.Refused)
		case "held", "cooling":
			return len(l.Held)
		}
		return len(l.AtSink)
	}
	s.wait(t, "the mail to be where it belongs", func() error {
		l, err := rig.Account(s.ctx, []rig.Mail{m}, s.Sink, s.Site.Postfix)
		if err == nil && where(l) != c.to {
			err = fmt.Errorf("%s", l)
		}
		return err
	})
	s.account(t, []rig.Mail{m})
	s.wait(t, "postward's books to agree", func() error { return s.books(c, account, m) })
	if c.name == "cooling" {
		s.cooling = append(s.cooling, m)
	}
}

// books compares what postward holds and has spent for an account with what is so.
func (s *crashSite) books(c verdictCase, account string, m rig.Mail) error {
	var held struct {
		Mails []struct{ Account, QueueID string }
	}
	if err := s.askHeld(&held); err != nil {
		return err
	}
	n := 0
	for _, x := range held.Mails {
		if x.Account == account {
			n++
			if x.QueueID != m.QueueID {
				return fmt.Errorf("it holds %s, and the mail is %s", x.QueueID, m.QueueID)
			}
		}
	}
	if want := map[bool]int{true: 1}[c.name == "held" || c.name == "cooling"]; n != want {
		return fmt.Errorf("it says that it holds %d mails, want %d", n, want)
	}
	if spent := s.spent(account); spent != c.spends {
		return fmt.Errorf("the budget counts %d recipients, want %d", spent, c.spends)
	}
	return nil
}

func (s *crashSite) askHeld(into any) error {
	out, err := s.Run(s.ctx, "--json", "held", "list")
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(strings.ReplaceAll(out, `"queue_id"`, `"QueueID"`)), into)
}

// spent is the sum of an account's window of never-seen recipients.
func (s *crashSite) spent(account string) int {
	var a struct {
		Spent struct {
			New []struct{ Slots []int }
		}
	}
	if err := s.Ask(s.ctx, &a, "account", "show", account); err != nil || len(a.Spent.New) == 0 {
		return 0
	}
	sum := 0
	for _, n := range a.Spent.New[len(a.Spent.New)-1].Slots {
		sum += n
	}
	return sum
}
