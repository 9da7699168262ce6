//go:build daemons

package spine_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/mail/message"
	"postward/internal/mail/milter"
	"postward/internal/run/store"
	"postward/test/rig"
)

// listened is a site whose Postfix asks a milter of ours that lets everything pass and hands over what it was told.
func listened(t *testing.T, main map[string]string) (*rig.Site, <-chan *guard.Transaction) {
	t.Helper()
	l, err := milter.Listen("inet:127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan *guard.Transaction, 1)
	accept := func(context.Context, *guard.Transaction) milter.Answer { return milter.Answer{Action: guard.Accept} }
	s := &milter.Server{Direction: guard.Submission, Limits: milter.DefaultLimits(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Mail: accept,
		End: func(ctx context.Context, x *guard.Transaction) milter.Answer {
			heard <- x
			return accept(ctx, x)
		}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	address := "inet:" + l.Addr().String()
	return rig.TestSite(t, rig.PostfixConfig{SMTPMilters: address, SubmissionMilters: address, LocalMilters: address, Main: main}, users), heard
}

// TestTheTransactionNamesWhomPostfixNames: whatever a client says in MAIL and RCPT, what leaves is what was judged, or nothing
// leaves. Where is said by the sink: the world.
func TestTheTransactionNamesWhomPostfixNames(t *testing.T) {
	comment := "(" + strings.Repeat("c", 511) + ")"
	const anna, bob = "<anna@example.org>", "<bob@example.net>"
	var table [][2]string
	for _, to := range []string{
		bob, "bob@example.net", "<Bob@Example.NET.>", "<" + comment + "bob@example.net>", "<bob@ example.net>", "<Bob Smith <bob@example.net>>", "<group:bob@example.net;>",
		"<@a.test,@b.test:bob@example.net>", "<@example.org:bob@example.net>", "<bob%example.net@example.org>", "<bob%example.net>", "<bob%x.test@example.net>",
		"<example.net!bob>", "<example.net!bob@example.org>", `<"bob@example.net"@example.org>`, `<"bob%example.net"@example.org>`, "<postmaster>", "<bob@example>", "<bob@localhost>",
		"<bob@[192.0.2.9]>", "<bob@[IPv6:2001:DB8::9]>", "<bob@[127.0.0.1]>", `<"b b"@example.net>`, `<"b@b"@example.net>`, "<b@b@example.net>", `<b\@b@example.net>`, `<"bob"@example.net>`,
		`<"b\ob"@example.net>`, `<b\ob@example.net>`, `<"b\"\\b"@example.net>`, `<"a"."b"@example.net>`, "<b..b@example.net>", "<.b@example.net>", "<b:b@example.net>", "<b+b@example.net>",
		"<béb@example.net>", "<BÉB@example.net>", "<bob@bücher.test>", "<bob@BÜCHER.test>", "<bob@xn--bcher-kva.test>", "<straße@faß.test>", "<ΝΙΚΟΣ@example.net>", "<bob@bü_x.test>",
		"<b\x01b@example.net>", "<b\u202eb@example.net>", "<b\u200bb@example.net>", "<" + strings.Repeat("x", 600) + "@example.net>",
	} {
		table = append(table, [2]string{anna, to})
	}
	for _, from := range []string{
		"<>", "<anna>", "<Anna@Example.ORG.>", "<(x)anna@example.org>", "<Anna Smith <anna@example.org>>", "<anna@example>", `<"an na"@example.org>`, "<@a.test:anna@example.org>",
		"<anna@straße.test>", "<ceo@bank.test (@example.org>", "<anna%bank.test@example.org>", "<bank.test!anna@example.org>", "<anna%bank.test>", "<bank.test!anna>", `<"anna@bank.test"@example.org>`,
		"<@a.test:anna%bank.test@example.org>", "<(x)anna%bank.test@example.org>", "<anna@bank.test@example.org>", "<anna@[127.0.0.1]>", "<a..a@example.org>",
	} {
		table = append(table, [2]string{from, bob})
	}
	for name, main := range map[string]map[string]string{
		"as Debian has it": nil,
		"other settings":   {"append_dot_mydomain": "yes", "resolve_dequoted_address": "no", "allow_percent_hack": "no", "swap_bangpath": "no"},
		"without SMTPUTF8": {"smtputf8_enable": "no"},
	} {
		t.Run(name, func(t *testing.T) {
			site, heard := listened(t, main)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			for _, c := range table {
				sameAtSink(ctx, t, site, heard, c[0], c[1], main["smtputf8_enable"] == "")
			}
		})
	}
}

// TestTheTransactionOfMailInjectedHereNamesWhomPostfixNames: sendmail(1) and cleanup(8) complete what they are given.
// A route through this host (bob%example.net@example.org) is not taken out before qmgr(8) does it, and has a name of its own.
func TestTheTransactionOfMailInjectedHereNamesWhomPostfixNames(t *testing.T) {
	site, heard := listened(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range [][2]string{
		{"anna", "bob"}, {"Anna@Example.org.", "Bob@Example.net."}, {"", "bob@example.net"}, {`"an na"@example.org`, `"b b"@example.net`}, {"anna%bank.test@example.org", "bob%example.net"},
		{"anna%bank.test", "bob%x.test@example.net"}, {"bank.test!anna", "example.net!bob"}, {"anna@b\u00fccher.test", "bob@B\u00dcCHER.test"}, {"Anna Smith <anna@example.org>", "Bob <bob@example.net>"},
		{"anna (x)", "bob@example.net (y)"}, {"anna@fa\u00df.test", "bob@fa\u00df.test"},
	} {
		if err := site.Postfix.SendMail("nobody", c[0], []byte("From: anna@example.org\r\nSubject: hello\r\n\r\nhello\r\n"), c[1]); err != nil {
			t.Logf("%q to %q: %v", c[0], c[1], err)
			continue
		}
		arrivedAsJudged(ctx, t, site, heard, fmt.Sprintf("sendmail -f %s %s", c[0], c[1]))
	}
}

// sameAtSink says one mail, and holds what arrives against what was judged.
func sameAtSink(ctx context.Context, t *testing.T, site *rig.Site, heard <-chan *guard.Transaction, from, to string, utf8 bool) {
	t.Helper()
	s, err := rig.Client{Addr: site.Postfix.Submission(), Address: office, User: "anna", Password: users["anna"]}.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	what := fmt.Sprintf("MAIL FROM:%.60s RCPT TO:%.60s", from, to)
	if utf8 {
		from += " SMTPUTF8"
	}
	for _, command := range []string{"MAIL FROM:" + from, "RCPT TO:" + to, "DATA", "From: anna@example.org\r\nSubject: " + what[:10] + "\r\n\r\nhello\r\n."} {
		if step := s.Do(command); step.Code/100 > 3 {
			t.Logf("%s: %d %.150s", what, step.Code, step.Text)
			return
		}
	}
	arrivedAsJudged(ctx, t, site, heard, what)
}

// arrivedAsJudged holds the next mail that arrives against what was judged.
func arrivedAsJudged(ctx context.Context, t *testing.T, site *rig.Site, heard <-chan *guard.Transaction, what string) {
	t.Helper()
	var judged *guard.Transaction
	select {
	case judged = <-heard:
	case <-ctx.Done():
		t.Fatalf("%s: not judged\n%s", what, site.Postfix.LogTail(5))
	}
	if err := site.Sink.WaitLen(ctx, 1); err != nil {
		t.Fatalf("%s: %v\n%s", what, err, site.Postfix.LogTail(5))
	}
	d := site.Sink.Deliveries()[0]
	site.Sink.Forget()
	if asSunk(d.From) != judged.ReversePath {
		t.Errorf("%s: left as %q, judged as %q", what, d.From, judged.ReversePath)
	}
	if len(d.To) != 1 || len(judged.Recipients) != 1 || asSunk(d.To[0]) != judged.Recipients[0] {
		t.Errorf("%s: arrived for %q, judged for %q", what, d.To, judged.Recipients)
	}
}

// asSunk is the canonical form of an address that the sink took the quotes off.
func asSunk(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return message.Canonical(s)
	}
	return message.Canonical(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s[:at]) + `"` + s[at:])
}

// TestACommentHidesNoRecipient: thirty people behind a comment of 511 octets are thirty, and one mail to them is over the budget
// of an account that knows nobody. The reverse-path that a comment pretends is not the one that leaves.
func TestACommentHidesNoRecipient(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna", "--address", "*@example.org")
	var to []string
	for i := range 30 {
		to = append(to, fmt.Sprintf("(%s)victim%d@example.net", strings.Repeat("c", 511), i))
	}
	many := f.client("anna", stranger).SendOne(f.ctx, rig.Mail{From: "anna@example.org", To: to})
	f.wait(t, "the mail to be held", func() error {
		if s := f.status(t); s.Held != 1 {
			return fmt.Errorf("%+v; %d %s", s, many.Code, many.Reply)
		}
		return nil
	})
	if why := f.do(t, "held", "show", many.QueueID); !strings.Contains(why, "30") {
		t.Errorf("not thirty recipients: %s", why)
	}
	for _, from := range []string{"ceo@bank.example (@example.org", "(@example.org)ceo@bank.example", "anna%bank.example", `"anna@bank.example"@mail.example.org`} {
		if m := f.client("anna", office).SendOne(f.ctx, rig.Mail{From: from, To: []string{"x@example.net"}, Header: "From: <anna@example.org>\r\n"}); m.Outcome != rig.Refused {
			t.Errorf("MAIL FROM:<%s>: %s %s", from, m.Outcome, m.Reply)
		}
	}
	if f.Sink.Len() != 0 {
		t.Errorf("%d mails left", f.Sink.Len())
	}
}

// TestPostwardAsksPostfixForItsDelimiter when it starts.
func TestPostwardAsksPostfixForItsDelimiter(t *testing.T) {
	f := attachedTo(t, rig.PostfixConfig{Main: map[string]string{"recipient_delimiter": "+-"}}, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "allow", "anna")
	if err := f.Postward.Stop(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(f.ctx, filepath.Join(f.StateDir, "postward.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, upTo, err := s.Load(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	state := guard.Restore(rows)
	for r, err := range s.Tail(f.ctx, upTo) {
		if err != nil {
			t.Fatal(err)
		}
		guard.Apply(state, r.Event)
	}
	if d := state.Policy().Delimiter; d != "+-" {
		t.Errorf("the guard holds %q", d)
	}
}
