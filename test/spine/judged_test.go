//go:build daemons

package spine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postward/internal/run/ctl"
	"postward/test/rig"
)

// written is a mail of anna's, and what is right.
type written struct {
	name        string
	reversePath string // anna@example.org if it is empty
	header      string
	to          string
	passes      bool   // it is taken
	held        bool   // and waits
	says        string // what a refusal says
}

func (w *written) mail() rig.Mail {
	m := rig.Mail{From: w.reversePath, To: []string{w.to}, Bare: true, Header: w.header + "Subject: hello\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\n", Body: "A short text.\r\n"}
	if m.From == "" {
		m.From = "anna@example.org"
	}
	if w.to == "" {
		m.To = []string{"bob@example.org"}
	}
	return m
}

// TestAsWhomAMailIsWritten on a real Postfix: what scanners, boards and mail programs write passes, what forges does not.
func TestAsWhomAMailIsWritten(t *testing.T) {
	f := attachedTo(t, rig.PostfixConfig{Main: map[string]string{"recipient_delimiter": "+"}}, rig.PostwardConfig{Mode: "enforce", Settings: settings + "[cooling]\ntime = \"10s\"\n"})
	f.do(t, "account", "allow", "anna@example.org")
	f.do(t, "account", "allow", "anna")
	redirected := "Resent-From: anna@example.org\r\nResent-To: bob@example.com\r\nReceived: from mx.example.com by mx.example.org; Mon, 30 Nov 2026 09:00:00 +0000\r\n"
	var sent []rig.Mail
	for _, w := range []written{
		{name: "a host in the name", header: "From: Scan to mail@office <anna@example.org>\r\n", passes: true},
		{name: "a quoted name and more", header: "From: \"Multi, Function\" 3.floor <anna@example.org>\r\n", passes: true},
		{name: "an encoded name with an @", header: "From: =?utf-8?Q?B=C3=BCro=2C_Etage_3_=40_Haupthaus?= <anna@example.org>\r\n", passes: true},
		{name: "a comment", header: "From: anna@example.org (Scanner, 3rd floor)\r\n", passes: true},
		{name: "no From", passes: true},
		{name: "an empty From", header: "From:\r\n", passes: true},
		{name: "a name alone", header: "From: Scanner\r\n", passes: true},
		{name: "a group of nobody", header: "From: undisclosed:;\r\n", passes: true},
		{name: "two hosts in the name", header: "From: Scan2mail@3rd, floor@home <anna@example.org>\r\n", passes: true},
		{name: "what may hide somebody", header: "From: Scan2mail@3rd @ floor@home <anna@example.org>\r\n", says: "no author that can be read"},
		{name: "somebody else in brackets", header: "From: anna@example.org <ceo@example.org>\r\n", says: "--address ceo@example.org"},
		{name: "two authors", header: "From: ceo@example.org, anna@example.org\r\n", says: "--address ceo@example.org"},
		{name: "two lines", header: "From: anna@example.org\r\nFrom: ceo@example.org\r\n", says: "--address ceo@example.org"},
		{name: "a name alone, and somebody", header: "From: Scanner\r\nFrom: ceo@example.net\r\n", says: "--address ceo@example.net"},
		{name: "her own with a plus", reversePath: "anna+shop@example.org", header: "From: Anna <anna+shop@example.org>\r\n", passes: true},
		{name: "a plus elsewhere", reversePath: "anna+x@other.example", header: "From: anna@example.org\r\n", says: "--address anna+x@other.example"},
		{name: "her name and a letter", reversePath: "annax@example.org", header: "From: anna@example.org\r\n", says: "annax@example.org does not belong"},
		{name: "a redirect", header: redirected + "From: Carl <carl@example.net>\r\n", to: "bob@example.com", passes: true, held: true}, // it would leave by itself, but the next but two is held
		{name: "of whom she writes as", reversePath: "carl@example.net", header: redirected + "From: Carl <carl@example.net>\r\n", to: "bob@example.com", says: "carl@example.net"},
		{name: "by somebody else", header: "Resent-From: carl@example.net\r\nFrom: Carl <carl@example.net>\r\n", to: "bob@example.com", says: "--address carl@example.net"},
		{name: "of the director's", header: redirected + "From: director@example.org\r\n", to: "bob@example.com", passes: true, held: true},
		{name: "a notice", reversePath: "", header: "From: anna@example.org\r\n", passes: true},
	} {
		m := f.client("anna", office).SendOne(f.ctx, w.mail())
		sent = append(sent, m)
		if (m.Outcome == rig.Accepted) != w.passes || !strings.Contains(m.Reply, w.says) {
			t.Errorf("%s: %s %d %s", w.name, m.Outcome, m.Code, m.Reply)
		}
		held := strings.Contains(f.do(t, "held", "list"), m.QueueID) && m.QueueID != ""
		if w.held && !held {
			t.Errorf("%s: it is not held", w.name)
		}
	}
	want := 0
	for _, m := range sent {
		if m.Outcome == rig.Accepted {
			want++
		}
	}
	if err := f.Sink.WaitLen(f.ctx, want-2); err != nil { // but for those that are held
		t.Fatal(err)
	}
	if ledger := f.account(t, sent); len(ledger.Held) != 2 {
		t.Error(ledger)
	}
}

// TestOnBehalf: an assistant who writes as her director is told how to be allowed, in shadow mode by a list, and keeps her own address.
func TestOnBehalf(t *testing.T) {
	f := attached(t, rig.PostwardConfig{})
	f.do(t, "account", "allow", "anna@example.org")
	f.do(t, "account", "allow", "anna")
	as := func(reversePath, from string) rig.Mail {
		return f.client("anna", office).SendOne(f.ctx, rig.Mail{From: reversePath, To: []string{"bob@example.org"}, Header: from + "Subject: hello\r\n"})
	}
	var sent []rig.Mail
	all := func() {
		sent = append(sent, as("anna@example.org", "Sender: anna@example.org\r\nFrom: Boss <boss@example.org>, Anna <anna@example.org>\r\n"),
			as("anna@example.org", "Sender: anna@example.org\r\nFrom: Boss <boss@example.org>\r\n"), as("info@example.org", "From: Info <info@example.org>\r\n"))
	}
	for range 10 {
		all()
	}
	var list []ctl.NotAs
	if err := json.Unmarshal([]byte(f.do(t, "account", "refused", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for _, n := range list {
		pairs = append(pairs, fmt.Sprintf("%s %s %d %v", n.Account, n.Address, n.Times, n.Passed))
	}
	if want := []string{"anna boss@example.org 20 true", "anna info@example.org 10 true"}; !slices.Equal(pairs, want) {
		t.Errorf("in shadow mode: %q", pairs)
	}
	if s := f.do(t, "status"); !strings.Contains(s, "2 would be refused: postward account refused") {
		t.Error(s)
	}
	f.do(t, "account", "allow", "anna", "--address", "boss@example.org")
	f.do(t, "account", "allow", "anna", "--address", "info@example.org")
	if out := f.do(t, "account", "refused", "--json"); strings.TrimSpace(out) != "[]" {
		t.Error(out)
	}
	mine := as("anna@example.org", "From: anna@example.org\r\n")
	sent = append(sent, mine)
	if err := f.Sink.WaitLen(f.ctx, len(sent)); err != nil {
		t.Fatal(err)
	}
	if ledger := f.account(t, sent); len(ledger.AtSink) != len(sent) {
		t.Error(ledger)
	}
}

// TestShadowTellsOfAnOutbreakUnderAForeignName, and learns nothing from it.
func TestShadowTellsOfAnOutbreakUnderAForeignName(t *testing.T) {
	f := attached(t, rig.PostwardConfig{})
	f.do(t, "account", "allow", "alarm")
	const mails = 60
	sent := rig.Load{Client: f.client("alarm", stranger), Count: mails, Parallel: 2, Mail: func(i int) rig.Mail {
		return rig.Mail{From: "alarm@example.org", To: []string{fmt.Sprintf("victim%d@example.net", i)}, Header: "From: George <george@bank.example>\r\nSubject: you have won\r\n",
			Body: "Claim the prize with this link before the week is over, dear winner.\r\n"}
	}}.Send(f.ctx)
	if err := f.Sink.WaitLen(f.ctx, mails); err != nil {
		t.Fatal(err)
	}
	if s := f.status(t); s.Open != 1 {
		t.Errorf("%+v", s)
	}
	var a struct {
		Known struct {
			N int `json:"n"`
		} `json:"recipients"`
	}
	if err := f.Ask(f.ctx, &a, "account", "show", "alarm"); err != nil {
		t.Fatal(err)
	}
	if show := f.do(t, "account", "show", "alarm"); !strings.Contains(show, "0 recipients known") || strings.Contains(show, stranger) {
		t.Errorf("it was learned from: %s", show)
	}
	if list := f.do(t, "incident", "list"); !strings.Contains(list, "60") {
		t.Error(list)
	}
	f.account(t, sent)
}

// TestANoticeOfALocalProgramIsNotLost: a vacation reply with the null reverse-path, whose author is somebody else.
func TestANoticeOfALocalProgramIsNotLost(t *testing.T) {
	f := home(t, rig.PostwardConfig{Mode: "enforce"})
	notice := func() rig.Mail {
		return rig.Mail{Token: rig.NewToken(), From: "<>", To: []string{"news1@letters.example"}, Header: "From: Carl <carl@example.org>\r\nAuto-Submitted: auto-replied (vacation)\r\nSubject: Re: our newsletter\r\n"}
	}
	first := notice()
	if err := f.Site.Postfix.SendMail("nobody", first.From, []byte(first.Text()), first.To...); err != nil {
		t.Fatal(err)
	}
	if err := f.Sink.WaitLen(f.ctx, 1); err != nil {
		t.Fatal(err)
	}
	f.do(t, "account", "allow", "local:nobody")
	second := notice()
	if err := f.Site.Postfix.SendMail("nobody", second.From, []byte(second.Text()), second.To...); err != nil {
		t.Fatal(err)
	}
	f.wait(t, "the notice to be held", func() error {
		if list := f.do(t, "held", "list"); !strings.Contains(list, "local:nobody") {
			return fmt.Errorf("held: %s", list)
		}
		return nil
	})
}
