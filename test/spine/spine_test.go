//go:build daemons

// Package spine_test runs postward as it is shipped on a real Postfix: attached by its own command, a root parent and
// a child of its own user, mail over SMTP, and the queue and the world as witnesses.
package spine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// nextDoor is a second address of this host, for a second name server.
const nextDoor = "127.0.0.2"

func TestMain(m *testing.M) {
	room := rig.Room{Addresses: []string{rig.Outside + "/32", nextDoor + "/32"}, Needs: []string{"postfix", "dovecot", "swaks"}}
	os.Exit(rig.MainIn(room, m, rig.Skip))
}

// users are anna, bob and alarm, and anna0, bob0, … for tests that need many.
var users = func() map[string]string {
	all := map[string]string{}
	for _, name := range []string{"anna", "bob", "alarm"} {
		all[name] = "password of " + name
		for i := range max(10, kills()/3) {
			all[fmt.Sprintf("%s%d", name, i)] = all[name]
		}
	}
	return all
}()

// Where people write from.
const (
	office   = "192.0.2.10" // in networks.own
	hotel    = "198.51.100.77"
	stranger = "203.0.113.80"
)

const settings = "[domains]\nlocal = [\"example.org\"]\n[networks]\nown = [\"192.0.2.0/24\"]\n"

// field is a site with postward attached and running.
type field struct {
	*rig.Site
	*rig.Postward
	ctx context.Context
}

// attached starts a site with postward. It ends with the test.
func attached(t *testing.T, config rig.PostwardConfig) *field {
	t.Helper()
	return attachedTo(t, rig.PostfixConfig{}, config)
}

func attachedTo(t *testing.T, postfix rig.PostfixConfig, config rig.PostwardConfig) *field {
	t.Helper()
	binary, err := rig.Build()
	if err != nil {
		t.Fatal(err)
	}
	config.Binary = binary
	if config.Settings == "" {
		config.Settings = settings
	}
	site, err := rig.NewSite(postfix, users)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := site.Close(); err != nil {
			t.Error(err)
		}
	})
	w, err := rig.Attach(site.Postfix, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("postward said:\n%s\nPostfix said:\n%s", w.LogTail(30), site.Postfix.LogTail(40))
		}
	})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	if err := site.Postfix.Start(); err != nil {
		t.Fatal(err)
	}
	limit := 2 * time.Minute
	if os.Getenv("PROVE") != "" { // the full counts take what they take
		limit = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return &field{Site: site, Postward: w, ctx: ctx}
}

// patiently gives a test of many steps, each of which starts a program, the time for them on a machine that is busy.
func (f *field) patiently(t *testing.T) {
	var cancel context.CancelFunc
	f.ctx, cancel = context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
}

// do runs a verb.
func (f *field) do(t *testing.T, args ...string) string {
	t.Helper()
	out, err := f.Run(f.ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (f *field) client(user, address string) rig.Client {
	return rig.Client{Addr: f.Site.Postfix.Submission(), Address: address, User: user, Password: users[user]}
}

func (f *field) account(t *testing.T, sent []rig.Mail) *rig.Ledger {
	t.Helper()
	ledger, err := rig.Account(f.ctx, sent, f.Sink, f.Site.Postfix)
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.Err(); err != nil {
		t.Error(err)
	}
	return ledger
}

// one sends one mail with a login.
func (f *field) one(user, address string, to ...string) rig.Mail {
	return f.client(user, address).SendOne(f.ctx, rig.Mail{From: user + "@example.org", To: to})
}

// wait waits for a fact.
func (f *field) wait(t *testing.T, what string, fact func() error) {
	t.Helper()
	if err := rig.Wait(f.ctx, what, fact); err != nil {
		t.Fatal(err)
	}
}

// status is what the tests read of `postward status --json`.
type status struct {
	Held, Cooling, Open, Foreign int
	Contained                    []string
	Troubles                     []string
}

func (f *field) status(t *testing.T) status {
	t.Helper()
	var s status
	if err := f.Ask(f.ctx, &s, "status"); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnAccountThatMayNotSendCannot(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	no := f.one("alarm", stranger, "x@example.net")
	if no.Outcome != rig.Refused || no.Code != 550 || !strings.Contains(no.Reply, "ask the administrator to allow it") {
		t.Errorf("%s %d %s", no.Outcome, no.Code, no.Reply)
	}
	yes := f.one("anna", office, "x@example.net")
	other := f.client("anna", office).SendOne(f.ctx, rig.Mail{From: "bob@example.org", To: []string{"x@example.net"}})
	author := f.client("anna", office).SendOne(f.ctx, rig.Mail{From: "anna@example.org", To: []string{"x@example.net"},
		Header: "From: The Director <director@example.org>\r\nSubject: please pay\r\n"})
	if yes.Outcome != rig.Accepted || other.Outcome != rig.Refused || author.Outcome != rig.Refused {
		t.Errorf("own %s %s; another reverse-path %s %s; another author %s %s", yes.Outcome, yes.Reply, other.Outcome, other.Reply, author.Outcome, author.Reply)
	}
	if err := f.Sink.WaitLen(f.ctx, 1); err != nil {
		t.Fatal(err)
	}
	ledger := f.account(t, []rig.Mail{no, yes, other, author})
	if len(ledger.AtSink) != 1 || len(ledger.Refused) != 3 {
		t.Error(ledger)
	}
}

func TestInShadowModeEverythingPassesAndIsToldOf(t *testing.T) {
	f := attached(t, rig.PostwardConfig{})
	f.do(t, "account", "allow", "alarm")
	sent := rig.Load{Client: f.client("alarm", stranger), Count: 30, Parallel: 3,
		Mail: func(i int) rig.Mail {
			return rig.Mail{From: "alarm@example.org", To: []string{fmt.Sprintf("v%d@example.net", i)}}
		}}.Send(f.ctx)
	if err := f.Sink.WaitLen(f.ctx, len(sent)); err != nil {
		t.Fatal(err)
	}
	if ledger := f.account(t, sent); len(ledger.AtSink) != len(sent) {
		t.Error(ledger)
	}
	if s := f.status(t); s.Open != 1 || s.Held != 0 || s.Cooling != 0 {
		t.Errorf("%+v", s)
	}
	if list := f.do(t, "incident", "list"); !strings.Contains(list, "alarm") || !strings.Contains(list, "shadow") {
		t.Error(list)
	}
}

func TestHeldMailIsDeletedWithACopyOrReleasedOnce(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	f.do(t, "account", "allow", "alarm")
	bad := rig.Load{Client: f.client("alarm", stranger), Count: 40, Parallel: 2,
		Mail: func(i int) rig.Mail {
			return rig.Mail{From: "alarm@example.org", To: []string{fmt.Sprintf("v%d@example.net", i)}}
		}}.Send(f.ctx)
	good := f.one("anna", hotel, "friend@example.com")
	// What the administrator holds is his own.
	f.Sink.Answer("later@example.net", rig.Answer{Code: 451, Text: "4.3.0 not now"})
	byHand := f.one("anna", office, "later@example.net")
	f.wait(t, "the mail to be tried, and held by the administrator", func() error {
		queue, err := f.Site.Postfix.Queue()
		for _, q := range queue {
			switch {
			case q.ID != byHand.QueueID || len(q.Recipients) == 0 || q.Recipients[0].Delay == "":
			case q.Queue == "hold":
				return nil
			default: // while it is being delivered postsuper(1) holds it in vain
				out, err := f.Site.Postfix.Command(f.ctx, "postsuper", "-h", byHand.QueueID).CombinedOutput()
				return errors.Join(fmt.Errorf("it was in %s: %s", q.Queue, out), err)
			}
		}
		return errors.Join(err, fmt.Errorf("%v", queue))
	})
	f.wait(t, "the administrator's mail to be listed beside ours", func() error {
		held := strings.Count(f.do(t, "--json", "held", "list"), "\"queue_id\"")
		if s := f.status(t); s.Held < 5 || s.Cooling != 1 || held != s.Held+s.Cooling+1 || !slices.Equal(s.Contained, []string{"alarm"}) {
			return fmt.Errorf("%+v, %d listed", s, held)
		}
		return nil
	})
	if out, err := f.Run(f.ctx, "held", "release", byHand.QueueID); err == nil {
		t.Errorf("what the administrator holds was released: %s", out)
	}
	f.do(t, "held", "release", good.QueueID)
	if err := f.Sink.WaitLen(f.ctx, 1); err != nil {
		t.Fatal(err)
	}
	f.do(t, "--yes", "incident", "delete", "1")
	f.wait(t, "deleted mail to be gone", func() error {
		left, err := f.Site.Postfix.Held()
		if err == nil && (len(left) != 1 || left[0].ID != byHand.QueueID) {
			err = fmt.Errorf("%v", left)
		}
		return err
	})
	copies, err := filepath.Glob(filepath.Join(f.Postward.Dir, "trash", "*"))
	if err != nil || len(copies) == 0 {
		t.Fatalf("%v %v", copies, err)
	}
	text, err := f.Site.Postfix.Command(f.ctx, "postcat", copies[0]).Output()
	if err != nil || !strings.Contains(string(text), "X-Token: ") {
		t.Errorf("%v %.300s", err, text)
	}
	ledger, err := rig.Account(f.ctx, append(bad, good, byHand), f.Sink, f.Site.Postfix)
	if err != nil || len(ledger.Missing) != len(copies) || len(ledger.AtSink) != 1 || len(ledger.Held) != 1 || len(ledger.Twice) != 0 {
		t.Errorf("%d copies; %s %v", len(copies), ledger, err)
	}
}

func TestCooledMailLeavesByItselfAndLocalMailHasAnAccount(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce", Settings: settings + "[cooling]\ntime = \"10s\"\n"})
	f.do(t, "account", "allow", "anna")
	cooled := f.one("anna", hotel, "friend@example.com")
	local := rig.Mail{Token: rig.NewToken(), From: "nobody@example.org", To: []string{"w@example.net"}, Outcome: rig.Accepted}
	if err := f.Site.Postfix.SendMail("nobody", "", []byte(local.Text()), local.To...); err != nil {
		t.Fatal(err)
	}
	if err := f.Sink.WaitLen(f.ctx, 1); err != nil {
		t.Fatal(err)
	}
	if s := f.status(t); s.Cooling != 1 {
		t.Errorf("%+v", s)
	}
	if shown := f.do(t, "account", "list"); !strings.Contains(shown, "local:nobody") {
		t.Errorf("who injected the mail is not known: %s", shown)
	}
	if err := f.Sink.WaitLen(f.ctx, 2); err != nil {
		t.Fatal(err)
	}
	if err := f.Site.Postfix.WaitDelivered(f.ctx); err != nil {
		t.Fatal(err)
	}
	if ledger := f.account(t, []rig.Mail{cooled, local}); len(ledger.AtSink) != 2 {
		t.Error(ledger)
	}
	f.wait(t, "nothing to be followed any more", func() error {
		if s := f.status(t); s.Cooling+s.Held > 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}
