//go:build daemons

package spine_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"postward/test/rig"
)

// actCase is an act on held mail, and where in it postward dies.
type actCase struct {
	name, moment string
	tool         func(*crashSite) *rig.Tool
	stop         string
	abort        bool // the tool dies too, and does nothing (more)
	mails        int
	verb         string
	atSink       bool // where the mails are in the end; else deleted
}

func super(s *crashSite) *rig.Tool     { return s.super }
func postqueue(s *crashSite) *rig.Tool { return s.postqueue }

var actCases = []actCase{
	{"release", "before the act", super, rig.BeforeWork, true, 1, "release", true},
	{"release", "out of hold, not yet sent on", super, rig.AfterWork, true, 1, "release", true},
	{"release", "done, the outcome not yet in the journal", postqueue, rig.AfterWork, false, 1, "release", true},
	{"delete", "copied, not yet deleted", super, rig.BeforeWork, true, 1, "delete", false},
	{"delete", "done, the outcome not yet in the journal", super, rig.AfterWork, false, 1, "delete", false},
	{"a batch of releases", "before the act", super, rig.BeforeWork, true, 2, "release", true},
	{"a batch of releases", "out of hold, not yet sent on", super, rig.AfterWork, true, 2, "release", true},
}

func TestCrashTableActs(t *testing.T) {
	s := crashField(t)
	for _, c := range actCases {
		t.Run(c.name+"/"+c.moment, func(t *testing.T) { s.dieActing(t, c) })
	}
}

func (s *crashSite) dieActing(t *testing.T, c actCase) {
	account, from := s.person(t, true), s.unknownAddress()
	var mails []rig.Mail
	for range c.mails {
		m := s.client(account, from).SendOne(s.ctx, mailOf(account, 20))
		if m.Outcome != rig.Accepted {
			t.Fatalf("%d %s", m.Code, m.Reply)
		}
		mails = append(mails, m)
	}
	tool := c.tool(s)
	if err := tool.Stop(c.stop); err != nil {
		t.Fatal(err)
	}
	args := []string{"incident", c.verb, s.incidentOf(t, account), "--yes"}
	s.do(t, args...) // returns when the operator's word is on disk
	if err := tool.Reached(s.ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := tool.Go(c.abort); err != nil {
		t.Fatal(err)
	}
	if err := s.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	if !c.atSink {
		s.deleted(t, mails)
		return
	}
	s.arrived(t, mails)
	s.nothingUndone(t)
}

// deleted waits until mails are out of the queue, and in the trash, and nowhere else.
func (s *crashSite) deleted(t *testing.T, mails []rig.Mail) {
	t.Helper()
	s.wait(t, "the mail to be deleted", func() error {
		queue, err := s.Site.Postfix.Queue()
		if err != nil {
			return err
		}
		for _, q := range queue {
			if q.ID == mails[0].QueueID {
				return fmt.Errorf("%s is in %s", q.ID, q.Queue)
			}
		}
		return nil
	})
	copies, err := filepath.Glob(filepath.Join(s.Dir, "trash", "*"+mails[0].QueueID+"*"))
	if err != nil || len(copies) != 1 {
		t.Errorf("in the trash: %v, %v", copies, err)
	}
	if n := s.Sink.Copies()[mails[0].Copies()[0]]; n != 0 {
		t.Error("it was delivered")
	}
	s.nothingUndone(t)
}

// nothingUndone waits until postward holds nothing and has nothing left to do.
func (s *crashSite) nothingUndone(t *testing.T) {
	t.Helper()
	s.wait(t, "postward to be done", func() error {
		if now := s.status(t); now.Held+now.Cooling > 0 {
			return fmt.Errorf("%+v", now)
		}
		var queued struct{ Queued int }
		if err := s.Ask(s.ctx, &queued, "status"); err != nil {
			return err
		}
		if queued.Queued > 0 {
			return fmt.Errorf("%d mails on the way", queued.Queued)
		}
		return nil
	})
}

// TestCrashTableContainment: an account is stopped while its mail waits for a server that is busy. postward dies before
// or after it has put that mail on hold.
func TestCrashTableContainment(t *testing.T) {
	s := crashField(t)
	for _, moment := range []string{rig.BeforeWork, rig.AfterWork} {
		t.Run(moment+" what is queued is held", func(t *testing.T) { s.dieContaining(t, moment) })
	}
}

func (s *crashSite) dieContaining(t *testing.T, moment string) {
	account, from := s.person(t, true), s.unknownAddress()
	queued := mailOf(account, 1)
	s.Sink.Answer(queued.To[0], rig.Answer{Code: 451, Text: "4.3.2 busy"})
	mails := []rig.Mail{s.client(account, office).SendOne(s.ctx, queued)}
	s.wait(t, "the mail to be put off", func() error {
		queue, err := s.Site.Postfix.Queue()
		for _, q := range queue {
			if q.ID == mails[0].QueueID && q.Queue == "deferred" {
				return nil
			}
		}
		return errors.Join(err, errors.New("it is not"))
	})
	if err := s.super.Stop(moment); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		mails = append(mails, s.client(account, from).SendOne(s.ctx, mailOf(account, 20)))
	}
	if last := mails[len(mails)-1]; last.Outcome != rig.Refused {
		t.Fatalf("the account is not stopped: %d %s", last.Code, last.Reply)
	}
	if err := s.super.Reached(s.ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.super.Go(moment == rig.BeforeWork); err != nil {
		t.Fatal(err)
	}
	if err := s.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	s.wait(t, "the queued mail to be held, by postward's books too", func() error {
		var held struct {
			Mails []struct{ QueueID, Status string }
		}
		if err := s.askHeld(&held); err != nil {
			return err
		}
		for _, m := range held.Mails {
			if m.QueueID == mails[0].QueueID && m.Status == "held" {
				return nil
			}
		}
		return fmt.Errorf("%+v", held)
	})
	if l := s.account(t, mails); len(l.AtSink) != 0 {
		t.Error(l)
	}
	s.Sink.Answer(queued.To[0], rig.Answer{})
	s.do(t, "incident", "release", s.incidentOf(t, account), "--yes")
	var accepted []rig.Mail
	for _, m := range mails {
		if m.Outcome == rig.Accepted {
			accepted = append(accepted, m)
		}
	}
	s.arrived(t, accepted)
}

func (s *crashSite) incidentOf(t *testing.T, account string) string {
	t.Helper()
	var all []struct {
		ID      int64
		Account string
	}
	if err := s.Ask(s.ctx, &all, "incident", "list"); err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Account == account {
			return fmt.Sprint(i.ID)
		}
	}
	t.Fatalf("no incident of %s", account)
	return ""
}
