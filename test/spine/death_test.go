//go:build daemons

package spine_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postward/test/rig"
)

// kills is how often postward dies in the middle of its work: 3 times, 300 with PROVE.
func kills() int {
	if os.Getenv("PROVE") != "" {
		return 300
	}
	return 3
}

// sender sends mails of some accounts, one account and one mail after the other, and sends each mail again that was
// put off.
type sender struct {
	accounts []string
	address  string
	to       string // with a number
	each     int    // mails an account
	friends  int    // numbers begin again after so many

	mails []rig.Mail
	tries int
}

// send goes on to the next account when one is refused for good, and ends after the last one or when stop is closed.
func (s *sender) send(f *field, stop <-chan struct{}, taken *atomic.Int64) {
	for _, account := range s.accounts {
		for i := 0; i < s.each && f.ctx.Err() == nil; i++ {
			select {
			case <-stop:
				return
			default:
			}
			m := s.until(f, account, rig.Mail{From: account + "@example.org", To: []string{fmt.Sprintf(s.to, i%s.friends)}})
			s.mails = append(s.mails, m)
			if m.Outcome == rig.Accepted {
				taken.Add(1)
			}
			if m.Outcome == rig.Refused && m.Code/100 == 5 {
				break
			}
		}
	}
}

// until sends a mail until it was taken or refused for good. Without any reply after the message a client may send
// it again (RFC 5321, section 4.5.4.1) and make it two; this one does not: the mail is where it is.
func (s *sender) until(f *field, account string, m rig.Mail) rig.Mail {
	for f.ctx.Err() == nil {
		m = f.client(account, s.address).SendOne(f.ctx, rig.Mail{Token: m.Token, From: m.From, To: m.To})
		s.tries++
		if m.Outcome != rig.Refused || m.Code/100 == 5 {
			break
		}
		time.Sleep(20 * time.Millisecond) // a client's pause before it tries again
	}
	return m
}

// people makes accounts and puts them on the list.
func (f *field) people(t *testing.T, name string, n int) []string {
	t.Helper()
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%s%d", name, i))
		f.do(t, "account", "allow", all[i])
	}
	return all
}

// TestKilledInTheMiddleNothingIsLostOrTwice kills postward, parent and child or the child alone, while an office
// works, newcomers write more than their budget, and hijacked accounts send.
func TestKilledInTheMiddleNothingIsLostOrTwice(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce", Settings: settings + "[budget]\nnewcomer = 40\nsite = 1000\n"})
	rounds := kills() / 3
	anna := &sender{accounts: f.people(t, "anna", 1), address: office, to: "friend%d@example.com", each: 1 << 20, friends: 10}
	bobs := &sender{accounts: f.people(t, "bob", rounds), address: office, to: "stranger%d@example.com", each: 60, friends: 60}
	alarms := &sender{accounts: f.people(t, "alarm", rounds), address: stranger, to: "victim%d@example.net", each: 60, friends: 60}
	var taken atomic.Int64
	stop := make(chan struct{})
	var endless, work sync.WaitGroup
	endless.Go(func() { anna.send(f, stop, &taken) })
	work.Go(func() { bobs.send(f, nil, &taken) })
	work.Go(func() { alarms.send(f, nil, &taken) })
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	for n := range kills() {
		after := taken.Load() + 1 + r.Int64N(25)
		f.wait(t, "some mails", func() error {
			if now := taken.Load(); now < after {
				return fmt.Errorf("%d of %d were taken", now, after)
			}
			return nil
		})
		f.die(t, n%2 == 0)
	}
	work.Wait() // the budgets are used up
	close(stop)
	endless.Wait()
	f.wait(t, "what may leave to have left", func() error {
		queue, err := f.Site.Postfix.Queue()
		if n := len(slices.DeleteFunc(queue, func(q rig.Queued) bool { return q.Queue == "hold" })); n > 0 {
			return fmt.Errorf("%d on the way", n)
		}
		return err
	})
	ledger := f.account(t, slices.Concat(anna.mails, bobs.mails, alarms.mails))
	t.Logf("%d kills: %s", kills(), ledger)
	f.left(t, anna, 1, 1<<20)
	// A mail that was judged when postward died is spent, and its client sends it again.
	f.left(t, bobs, 40*rounds-kills(), 40*rounds)
	f.left(t, alarms, 0, 0)
}

// die kills postward at once: both processes, or the child, which its parent starts again.
func (f *field) die(t *testing.T, both bool) {
	t.Helper()
	if !both {
		if err := f.KillChild(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := f.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := f.Postward.Start(); err != nil {
		t.Fatal(err)
	}
}

// left checks how many mails of a sender left.
func (f *field) left(t *testing.T, s *sender, least, most int) {
	t.Helper()
	one, err := rig.Account(f.ctx, s.mails, f.Sink, f.Site.Postfix)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s …: %d mails in %d tries: %s", s.accounts[0], len(s.mails), s.tries, one)
	if n := len(one.AtSink); n < least || n > most {
		t.Errorf("%s …: %d left, want %d to %d", s.accounts[0], n, least, most)
	}
}

// TestWithoutPostwardNothingIsSentOnAndNothingIsLost: submissions are put off, mail from outside passes, and what is
// injected on this host waits and arrives later.
func TestWithoutPostwardNothingIsSentOnAndNothingIsLost(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	if err := f.Postward.Stop(); err != nil {
		t.Fatal(err)
	}
	out := f.one("anna", office, "friend@example.com")
	if out.Outcome != rig.Refused || out.Code/100 != 4 {
		t.Errorf("a submission was %s: %d %s", out.Outcome, out.Code, out.Reply)
	}
	in := rig.Client{Addr: f.Site.Postfix.SMTP(), Address: hotel}.SendOne(f.ctx, rig.Mail{From: "carla@example.com", To: []string{"anna@example.org"}})
	if in.Outcome != rig.Accepted {
		t.Errorf("mail from outside was %s: %d %s", in.Outcome, in.Code, in.Reply)
	}
	if err := f.Sink.WaitLen(f.ctx, 1); err != nil {
		t.Fatal(err)
	}
	local := rig.Mail{Token: rig.NewToken(), From: "nobody@example.org", To: []string{"w@example.net"}, Outcome: rig.Accepted}
	if err := f.Site.Postfix.SendMail("nobody", "", []byte(local.Text()), local.To...); err != nil {
		t.Fatal(err)
	}
	f.wait(t, "the local mail to wait", func() error {
		queue, err := f.Site.Postfix.Queue()
		if err == nil && len(queue) != 1 {
			err = fmt.Errorf("%v", queue)
		}
		return err
	})
	if err := f.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := f.Site.Postfix.Command(f.ctx, "postkick", "public", "pickup", "W").CombinedOutput(); err != nil { // or a minute's wait
		t.Fatalf("%v %s", err, out)
	}
	again := f.client("anna", office).SendOne(f.ctx, rig.Mail{Token: out.Token, From: out.From, To: out.To})
	if err := f.Sink.WaitLen(f.ctx, 3); err != nil {
		t.Fatal(err)
	}
	if err := f.Site.Postfix.WaitDelivered(f.ctx); err != nil {
		t.Fatal(err)
	}
	if ledger := f.account(t, []rig.Mail{again, in, local}); len(ledger.AtSink) != 3 {
		t.Error(ledger)
	}
}
