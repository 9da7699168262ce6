//go:build daemons

package rig_test

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"postward/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// site starts a sink, a Postfix and a Dovecot, and ends them with the test.
func site(t *testing.T, config rig.PostfixConfig) (*rig.Sink, *rig.Postfix) {
	t.Helper()
	s := rig.TestSite(t, config, map[string]string{"alarm": "alarm", "anna": "correct horse"})
	return s.Sink, s.Postfix
}

func submission(p *rig.Postfix) rig.Client {
	return rig.Client{Addr: p.Submission(), Address: "185.228.80.18", User: "alarm", Password: "alarm"}
}

func account(t *testing.T, sent []rig.Mail, sink *rig.Sink, p *rig.Postfix) *rig.Ledger {
	t.Helper()
	ledger, err := rig.Account(within(t, 30*time.Second), sent, sink, p)
	if err != nil {
		t.Fatal(err)
	}
	return ledger
}

func TestEachWayInArrivesOnce(t *testing.T) {
	sink, p := site(t, rig.PostfixConfig{})
	ctx := within(t, time.Minute)
	inbound := rig.Client{Addr: p.SMTP()}.SendOne(ctx, rig.Mail{From: "a@example.com", To: []string{"anna@example.org"}})
	plain := submission(p).SendOne(ctx, rig.Mail{From: "alarm@example.org", To: []string{"x@example.net", "y@example.net"}})
	login := submission(p)
	login.Mechanism = "LOGIN"
	logged := login.SendOne(ctx, rig.Mail{From: "alarm@example.org", To: []string{"z@example.net"}})
	local := rig.Mail{Token: rig.NewToken(), From: "nobody@example.org", To: []string{"w@example.net"}, Outcome: rig.Accepted}
	if err := p.SendMail("nobody", "", []byte(local.Text()), local.To...); err != nil {
		t.Fatal(err)
	}
	sent := []rig.Mail{inbound, plain, logged, local}
	for _, m := range sent {
		if m.Outcome != rig.Accepted {
			t.Errorf("%s was %s: %v\n%s", m.From, m.Outcome, m.Steps, p.LogTail(10))
		}
	}
	if err := sink.WaitLen(ctx, 4); err != nil {
		t.Fatalf("%v\n%s", err, p.LogTail(20))
	}
	if err := p.WaitDelivered(ctx); err != nil {
		t.Fatal(err)
	}
	ledger := account(t, sent, sink, p)
	if ledger.Err() != nil || len(ledger.AtSink) != 5 {
		t.Errorf("%s\n%v", ledger, ledger.Err())
	}
}

// TestAStrangersHeaderIsNotCompleted: a milter here sees what it sees of a stranger elsewhere. What sendmail(1) brings is
// completed, here and there.
func TestAStrangersHeaderIsNotCompleted(t *testing.T) {
	sink, p := site(t, rig.PostfixConfig{})
	ctx := within(t, time.Minute)
	header := "From: device\r\nTo: undisclosed\r\n"
	stranger := rig.Client{Addr: p.SMTP(), Address: "203.0.113.80"}.SendOne(ctx, rig.Mail{From: "a@example.com", To: []string{"anna@example.org"}, Header: header})
	local := rig.Mail{Token: rig.NewToken(), From: "nobody@example.org", To: []string{"w@example.net"}, Header: header}
	if err := p.SendMail("nobody", "", []byte(local.Text()), local.To...); err != nil {
		t.Fatal(err)
	}
	if err := sink.WaitLen(ctx, 2); err != nil {
		t.Fatalf("%v\n%s", err, p.LogTail(20))
	}
	for _, d := range sink.Deliveries() {
		completed := bytes.Contains(d.Head, []byte("\nFrom: device@example.org")) && bytes.Contains(d.Head, []byte("\nTo: undisclosed@example.org"))
		as := bytes.Contains(d.Head, []byte("\nFrom: device\r\n")) && bytes.Contains(d.Head, []byte("\nTo: undisclosed\r\n"))
		if d.Token == stranger.Token && !as || d.Token == local.Token && !completed {
			t.Errorf("from %s came\n%s", d.From, d.Head)
		}
	}
}

func TestTwoThousandMailsTakeSeconds(t *testing.T) {
	sink, p := site(t, rig.PostfixConfig{})
	ctx := within(t, 2*time.Minute)
	sent := rig.Load{Client: submission(p), Count: 2000, Parallel: 10}.Send(ctx)
	accepted, rate := rig.Rate(sent)
	t.Logf("%d accepted, %.0f a second", accepted, rate)
	start := time.Now()
	if err := p.WaitDelivered(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("delivered %s later", time.Since(start))
	start = time.Now()
	ledger := account(t, sent, sink, p)
	t.Logf("accounted in %s: %s", time.Since(start), ledger)
	if ledger.Err() != nil || len(ledger.AtSink) != 2000 {
		t.Errorf("%s\n%v", ledger, ledger.Err())
	}
}
