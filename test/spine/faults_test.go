//go:build daemons

package spine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-milter"
	"golang.org/x/sys/unix"

	"postward/test/rig"
)

// faulty is a field whose owner is told by a command, and whose canary does not wait for minutes.
type faulty struct {
	*field
	alerts string // the file that the command appends to
}

func faultField(t *testing.T, env ...string) *faulty {
	t.Helper()
	dir, err := rig.NewDir("alerts")
	if err != nil {
		t.Fatal(err)
	}
	alerts := filepath.Join(dir, "alerts")
	if err := errors.Join(os.WriteFile(alerts, nil, 0o666), os.Chmod(alerts, 0o666)); err != nil {
		t.Fatal(err)
	}
	more := fmt.Sprintf("[canary]\nevery = \"1s\"\n[notify]\ncommand = [\"/bin/sh\", \"-c\", \"cat >>%s; echo >>%[1]s\"]\n", alerts)
	f := &faulty{attached(t, rig.PostwardConfig{Mode: "enforce", Settings: settings + more, Env: env}), alerts}
	f.do(t, "account", "allow", "anna")
	f.do(t, "account", "allow", "bob")
	return f
}

// says waits until status says something, and the alert too, and logs both in a line: the table of faults.
func (f *faulty) says(t *testing.T, fault, text string) {
	t.Helper()
	said := ""
	f.wait(t, "status to say "+text, func() error {
		var s status
		if err := f.Ask(f.ctx, &s, "status"); err != nil {
			return err
		}
		for _, said = range s.Troubles {
			if strings.Contains(said, text) {
				return nil
			}
		}
		return fmt.Errorf("%q", s.Troubles)
	})
	f.wait(t, "the alert to say "+text, func() error { return f.alerted(text) })
	t.Logf("fault: %s | status and alert: %s", fault, said)
}

func (f *faulty) alerted(text string) error {
	all, err := os.ReadFile(f.alerts)
	if err == nil && !strings.Contains(string(all), text) {
		err = fmt.Errorf("alerts: %.500s", all)
	}
	return err
}

// well waits until status says nothing of it any more, and the owner was told so.
func (f *faulty) well(t *testing.T, text string) {
	t.Helper()
	f.wait(t, "the end of "+text, func() error {
		var s status
		if err := f.Ask(f.ctx, &s, "status"); err != nil {
			return err
		}
		if strings.Contains(strings.Join(s.Troubles, "\n"), text) {
			return fmt.Errorf("%q", s.Troubles)
		}
		return f.alerted("is well again")
	})
}

// works sends a mail from the office until it is taken, and accounts for it.
func (f *faulty) works(t *testing.T) {
	t.Helper()
	m := mailOf("anna", 1)
	f.wait(t, "a mail to be taken", func() error {
		m = f.client("anna", office).SendOne(f.ctx, rig.Mail{Token: m.Token, From: m.From, To: m.To})
		if m.Outcome != rig.Accepted {
			return fmt.Errorf("%d %s", m.Code, m.Reply)
		}
		return nil
	})
	f.wait(t, "the mail to arrive", func() error {
		if f.Sink.Copies()[m.Copies()[0]] != 1 {
			return errors.New("not yet")
		}
		return nil
	})
}

// putOff checks that a submission is put off while mail from outside passes.
func (f *faulty) putOff(t *testing.T) {
	t.Helper()
	if m := f.one("anna", office, "friend@example.com"); m.Outcome != rig.Refused || m.Code/100 != 4 {
		t.Errorf("a submission was %s: %d %s", m.Outcome, m.Code, m.Reply)
	}
	in := rig.Client{Addr: f.Site.Postfix.SMTP(), Address: hotel}.SendOne(f.ctx, rig.Mail{From: "carla@example.com", To: []string{"anna@example.org"}})
	if in.Outcome != rig.Accepted {
		t.Errorf("mail from outside was %s: %d %s", in.Outcome, in.Code, in.Reply)
	}
}

// moveState puts the state directory onto a file system of its own.
func (f *faulty) moveState(t *testing.T, size string) {
	t.Helper()
	if err := f.Postward.Stop(); err != nil {
		t.Fatal(err)
	}
	copied := f.StateDir + ".copy"
	for _, err := range []error{
		exec.Command("cp", "-a", f.StateDir, copied).Run(),
		unix.Mount("tmpfs", f.StateDir, "tmpfs", 0, "size="+size),
		exec.Command("cp", "-a", copied+"/.", f.StateDir).Run(),
		exec.Command("chown", "--reference="+copied, f.StateDir).Run(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := errors.Join(f.Postward.Stop(), unix.Unmount(f.StateDir, unix.MNT_DETACH)); err != nil {
			t.Error(err)
		}
	})
	if err := f.Postward.Start(); err != nil {
		t.Fatal(err)
	}
}

func TestFaultDiskFull(t *testing.T) {
	f := faultField(t)
	f.moveState(t, "3m")
	f.works(t)
	fill := filepath.Join(f.StateDir, "somebody-elses-file")
	if err := os.WriteFile(fill, make([]byte, 8<<20), 0o644); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	f.wait(t, "a submission to be put off", func() error { // what was reserved is used up first
		if m := f.one("anna", office, "friend@example.com"); m.Code/100 != 4 {
			return fmt.Errorf("%d %s", m.Code, m.Reply)
		}
		return nil
	})
	f.putOff(t)
	f.says(t, "disk full", "the journal cannot be written")
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	f.works(t)
	f.well(t, "the journal cannot be written")
}

func TestFaultStoreReadOnly(t *testing.T) {
	f := faultField(t)
	if err := f.Postward.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Mount(f.StateDir, f.StateDir, "", unix.MS_BIND, ""),
		unix.Mount("", f.StateDir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")); err != nil {
		t.Fatal(err)
	}
	if err := f.Launch(); err != nil {
		t.Fatal(err)
	}
	f.wait(t, "postward to say why it does not start", func() error {
		if said := f.Postward.LogTail(10); !strings.Contains(said, "read-only") && !strings.Contains(said, "readonly") {
			return errors.New(said)
		}
		return nil
	})
	t.Logf("fault: store read-only | log: %s", strings.TrimSpace(f.Postward.LogTail(1)))
	f.putOff(t)
	if err := unix.Unmount(f.StateDir, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if err := f.Postward.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := f.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	f.works(t)
}

func TestFaultStoreDeletedOrDamaged(t *testing.T) {
	f := faultField(t)
	held := f.client("bob", stranger).SendOne(f.ctx, mailOf("bob", 20))
	store := filepath.Join(f.StateDir, "postward.db")
	if err := os.Remove(store); err != nil {
		t.Fatal(err)
	}
	f.putOff(t)
	f.says(t, "store deleted", "was gone and begins anew")
	f.closedDoor(t, held)
	f.works(t)
	if err := f.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store, []byte(strings.Repeat("this was a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	f.says(t, "store damaged", "was damaged, a copy of it is kept")
	f.closedDoor(t, held)
	f.works(t)
	f.do(t, "held", "release", held.QueueID, "--yes")
	f.wait(t, "the held mail to arrive", func() error {
		l, err := rig.Account(f.ctx, []rig.Mail{held}, f.Sink, f.Site.Postfix)
		if err == nil && len(l.AtSink) != 20 {
			err = fmt.Errorf("%s", l)
		}
		return err
	})
}

// closedDoor checks that who was not listed still may not send, and what was held is still known.
func (f *faulty) closedDoor(t *testing.T, held rig.Mail) {
	t.Helper()
	if m := f.one("alarm", stranger, "x@example.net"); m.Code != 550 {
		t.Errorf("an account that is not listed is told %d %s", m.Code, m.Reply)
	}
	if out := f.do(t, "held", "list"); !strings.Contains(out, held.QueueID) {
		t.Errorf("the held mail %s is forgotten:\n%s", held.QueueID, out)
	}
}

func TestFaultTwoPostwards(t *testing.T) {
	f := faultField(t)
	log := filepath.Join(f.Dir, "second.log")
	second, err := rig.StartProcess(log, nil, f.Binary, "serve", "--config", f.Config)
	if err != nil {
		t.Fatal(err)
	}
	f.wait(t, "the second to say that there is a first", func() error {
		said, err := os.ReadFile(log)
		if err == nil && !strings.Contains(string(said), "stop that postward first") {
			err = errors.New(string(said))
		}
		return err
	})
	f.works(t)
	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}
	f.works(t)
}

func TestFaultPostfixAndItsNeighbours(t *testing.T) {
	f := faultField(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	f.ctx = ctx
	p := f.Site.Postfix
	restart := func(change ...string) {
		t.Helper()
		err := p.Stop()
		if len(change) > 0 {
			err = errors.Join(err, p.SetMain(change...))
		}
		if err = errors.Join(err, p.Start()); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("restarted", func(t *testing.T) {
		f.works(t)
		restart()
		f.works(t)
	})
	t.Run("stopped", func(t *testing.T) {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
		f.says(t, "Postfix stopped", "Postfix does not answer")
		restart()
		f.well(t, "Postfix does not answer")
	})
	t.Run("milter detached", func(t *testing.T) {
		restart("smtpd_milters =")
		f.says(t, "milter detached", "no service of Postfix asks postward")
		restart("smtpd_milters = $postward_milter")
		f.well(t, "no service of Postfix")
		f.works(t)
	})
	t.Run("log deleted", func(t *testing.T) { // its writer makes it anew
		if err := os.Remove(p.LogPath); err != nil {
			t.Fatal(err)
		}
		f.works(t)
	})
	t.Run("log written elsewhere", func(t *testing.T) {
		restart("maillog_file = " + p.LogPath + ".other")
		f.says(t, "log silent", "says nothing about it")
		restart("maillog_file = " + p.LogPath)
		f.well(t, "says nothing about it")
		f.works(t)
	})
	t.Run("queue moved", func(t *testing.T) {
		held := f.client("bob", stranger).SendOne(f.ctx, mailOf("bob", 20))
		moved := p.QueueDir + "-moved"
		if err := errors.Join(p.Stop(), os.Rename(p.QueueDir, moved), p.SetMain("queue_directory = "+moved)); err != nil {
			t.Fatal(err)
		}
		p.QueueDir = moved
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		f.works(t) // the sockets moved along
		f.do(t, "held", "release", held.QueueID, "--yes")
		f.wait(t, "the held mail to arrive", func() error {
			l, err := rig.Account(f.ctx, []rig.Mail{held}, f.Sink, p)
			if err == nil && len(l.AtSink) != 20 {
				err = fmt.Errorf("%s", l)
			}
			return err
		})
	})
	t.Run("dovecot gone", func(t *testing.T) {
		if err := f.Site.Dovecot.Stop(); err != nil {
			t.Fatal(err)
		}
		if m := f.one("anna", office, "x@example.net"); m.Outcome == rig.Accepted {
			t.Errorf("%d %s", m.Code, m.Reply)
		}
		in := rig.Client{Addr: p.SMTP(), Address: hotel}.SendOne(f.ctx, rig.Mail{From: "carla@example.com", To: []string{"anna@example.org"}})
		if in.Outcome != rig.Accepted {
			t.Errorf("mail from outside was %s: %d %s", in.Outcome, in.Code, in.Reply)
		}
	})
}

// TestFaultMemoryShort: with a bound that is below what it needs when idle, it collects garbage all the time and works.
func TestFaultMemoryShort(t *testing.T) {
	f := faultField(t, "GOMEMLIMIT=8MiB")
	for range 5 {
		f.works(t)
	}
}

// refuser is a milter behind ours that wants none of it.
type refuser struct{ milter.NoOpMilter }

func (refuser) Body(*milter.Modifier) (milter.Response, error) {
	return milter.NewResponseStr(byte(milter.ActReplyCode), "550 5.7.1 not with me"), nil
}

// TestCrashTableRefusedByAnotherMilter: what postward accepted and a milter behind it refused is given back. What
// postward holds, Postfix asks that milter nothing about: it stays held. attach stands last; somebody put it there later.
func TestCrashTableRefusedByAnotherMilter(t *testing.T) {
	s := &crashSite{field: attached(t, rig.PostwardConfig{Mode: "enforce"})}
	s.rearrange(t, "$postward_submission", "$postward_submission,"+beside(t, refuser{}))
	for _, c := range verdictCases[:3] {
		account, from := s.person(t, true), c.client
		if from == "" {
			from = s.unknownAddress()
		}
		m := s.client(account, from).SendOne(s.ctx, mailOf(account, c.to))
		code := 250
		if c.name == "passed" {
			code = 550
			c.name = "refused" // in the end; its recipient is known since, so what it spent for it stays spent
		}
		if m.Code != code {
			t.Errorf("%s: %d %s, want %d", c.name, m.Code, m.Reply, code)
		}
		s.account(t, []rig.Mail{m})
		s.wait(t, "postward's books to agree", func() error { return s.books(c, account, m) })
	}
}
