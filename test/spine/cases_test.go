//go:build daemons

package spine_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// old is a log of mail that was sent so many days ago: four minutes apart.
type old struct {
	text strings.Builder
	n    int
}

func (o *old) mail(daysAgo int, account, address, to, orig, end string) {
	at := time.Now().UTC().AddDate(0, 0, -daysAgo).Truncate(24 * time.Hour).Add(6*time.Hour + time.Duration(o.n%100)*4*time.Minute).Format("2006-01-02T15:04:05+00:00 mx postfix/")
	o.n++
	id := fmt.Sprintf("6D%06X", o.n)
	if orig != "" {
		orig = ", orig_to=<" + orig + ">"
	}
	if end == "" {
		end = "dsn=2.0.0, status=sent (250 ok)"
	}
	fmt.Fprintf(&o.text, "%ssubmission/smtpd[70]: %s: client=host[%s], sasl_method=PLAIN, sasl_username=%s\n", at, id, address, account)
	fmt.Fprintf(&o.text, "%[1]scleanup[71]: %[2]s: message-id=<%[2]s@pc.example.org>\n", at, id)
	fmt.Fprintf(&o.text, "%sqmgr[72]: %s: from=<%s@example.org>, size=1000, nrcpt=1 (queue active)\n", at, id, account)
	fmt.Fprintf(&o.text, "%ssmtp[73]: %s: to=<%s>%s, relay=mx.example.com[198.51.100.7]:25, delay=1, delays=0/0/0/1, %s\n", at, id, to, orig, end)
	fmt.Fprintf(&o.text, "%sqmgr[72]: %s: removed\n", at, id)
}

// file is the log as a file.
func (o *old) file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mail.log.1")
	if err := os.WriteFile(path, []byte(o.text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// logged waits until Postfix has logged something so often.
func (f *field) logged(t *testing.T, n int, text string) {
	t.Helper()
	f.wait(t, fmt.Sprintf("%q to be logged %d times", text, n), func() error {
		if got := strings.Count(f.Site.Postfix.LogTail(2000), text); got < n {
			return fmt.Errorf("%d are", got)
		}
		return nil
	})
}

// TestTheReportHoldsWhereTheDaemonHolds: what receivers answer is evidence for both. An ordinary week, and then strangers one after
// the other whose servers know nobody of that name.
func TestTheReportHoldsWhereTheDaemonHolds(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce", Settings: settings + "[cooling]\ntime = \"10s\"\n"})
	f.do(t, "account", "allow", "anna")
	var week, all old
	for day := 8; day > 2; day-- {
		week.mail(day, "anna", stranger, "bob@example.com", "", "")
		all.mail(day, "anna", stranger, "bob@example.com", "", "")
	}
	f.do(t, "account", "learn", week.file(t))
	live, gone := 0, func(n int) string { return fmt.Sprintf("old%d@d%d.example", n, n) }
	for n := range 14 {
		all.mail(1, "anna", stranger, gone(n), "", "dsn=5.1.1, status=bounced (host mx.example.com[198.51.100.7] said: 550 no such user (in reply to RCPT TO command))")
	}
	for n := range 14 {
		to := gone(n)
		f.Sink.Answer(to, rig.Answer{Code: 550, Text: "5.1.1 no such user"})
		m := f.one("anna", stranger, to)
		if m.Outcome != rig.Accepted {
			t.Fatalf("mail %d: %s %s", n+1, m.Outcome, m.Reply)
		}
		held := false
		f.wait(t, "the mail to be refused, or held for a person", func() error {
			var s status
			if err := f.Ask(f.ctx, &s, "status"); err != nil && s.Held == 0 {
				return err
			}
			held = s.Held > 0
			if !held && !strings.Contains(f.Site.Postfix.LogTail(500), "to=<"+to+">, ") {
				return fmt.Errorf("%+v", s)
			}
			return nil
		})
		if held {
			live = n + 1
			break
		}
	}
	var report struct {
		Accounts []struct {
			Name    string
			Stopped struct{ Mail int } `json:"would_have_stopped"`
		}
	}
	out, _ := f.Run(f.ctx, "--json", "investigate", all.file(t)) // exit status 1: an account stands out
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Accounts) != 1 {
		t.Fatalf("%v %.300s", err, out)
	}
	t.Logf("the daemon holds mail %d", live)
	if told := report.Accounts[0].Stopped.Mail - 6; live == 0 || told < live-1 || told > live+1 {
		t.Errorf("the report holds mail %d, the daemon %d", told, live)
	}
}

// TestWhoIsKnownBehindAnAliasIsKnown: the milter meets him by the name that his friends write to.
func TestWhoIsKnownBehindAnAliasIsKnown(t *testing.T) {
	var aliases []string
	var month old
	for i := range 10 {
		aliases = append(aliases, fmt.Sprintf("{bob%d@alias.example bob%d@imap.internal.example}", i, i))
	}
	for day := 30; day > 0; day-- {
		for i := range 10 {
			month.mail(day, "anna", stranger, fmt.Sprintf("bob%d@imap.internal.example", i), fmt.Sprintf("bob%d@alias.example", i), "")
		}
	}
	f := attachedTo(t, rig.PostfixConfig{Main: map[string]string{"virtual_alias_domains": "alias.example",
		"virtual_alias_maps": "inline:{ " + strings.ReplaceAll(strings.Join(aliases, ", "), " bob", " = bob") + " }"}}, rig.PostwardConfig{Mode: "enforce"})
	f.do(t, "account", "learn", month.file(t))
	f.do(t, "account", "allow", "anna")
	if said := f.do(t, "account", "explain", "anna", "--from", stranger, "--to", "bob0@alias.example"); !strings.Contains(said, "It would pass.") {
		t.Error(said)
	}
	var sent []rig.Mail
	for i := range 10 {
		sent = append(sent, f.one("anna", hotel, fmt.Sprintf("bob%d@alias.example", i)))
	}
	if err := f.Sink.WaitLen(f.ctx, 10); err != nil {
		t.Fatal(err)
	}
	for _, m := range sent {
		if m.Outcome != rig.Accepted {
			t.Errorf("%s %s", m.Outcome, m.Reply)
		}
	}
	if s := f.status(t); s.Held+s.Cooling+s.Open > 0 {
		t.Errorf("%+v", s)
	}
	f.logged(t, 10, ": removed")
	out, _ := f.Run(f.ctx, "--json", "investigate", f.Site.Postfix.LogPath)
	if !strings.Contains(out, `"recipients": 10`) {
		t.Errorf("the report counts otherwise: %.600s", out)
	}
}

// TestAnArchiveThatRefusesSpeaksAgainstNobody: the site's own copies were named by no account.
func TestAnArchiveThatRefusesSpeaksAgainstNobody(t *testing.T) {
	f := attachedTo(t, rig.PostfixConfig{Main: map[string]string{"always_bcc": "archive@vault.example.net"}},
		rig.PostwardConfig{Mode: "enforce", Settings: settings + "[cooling]\ntime = \"10s\"\n"})
	f.Sink.Answer("archive@vault.example.net", rig.Answer{Code: 552, Text: "5.2.2 mailbox full"})
	var days old
	people := []string{"anna0", "anna1", "anna2", "anna3", "anna4"}
	desk := func(i int) string { return fmt.Sprintf("192.0.2.%d", 50+i) }
	for day := 10; day > 0; day-- {
		for i, u := range people {
			for range 2 {
				days.mail(day, u, desk(i), "bob@example.com", "", "")
				days.mail(day, u, desk(i), "archive@vault.example.net", "", "")
			}
		}
	}
	f.do(t, "account", "learn", days.file(t))
	for _, u := range people {
		f.do(t, "account", "allow", u)
	}
	n := 0
	send := func(u, from, to string) {
		t.Helper()
		if m := f.one(u, from, to); m.Outcome != rig.Accepted {
			t.Errorf("%s to %s: %s %s", u, to, m.Outcome, m.Reply)
		}
		n++
	}
	for k := range 8 {
		for i, u := range people {
			to := "bob@example.com"
			if k%2 == 1 {
				to = fmt.Sprintf("new%d-%d@example.com", k, i)
			}
			send(u, desk(i), to)
		}
	}
	f.logged(t, n, "552 5.2.2 mailbox full")
	for k := range 8 {
		send("anna1", desk(1), fmt.Sprintf("more%d@example.com", k))
		send("anna2", hotel, "bob@example.com")
	}
	if err := f.Sink.WaitLen(f.ctx, n); err != nil {
		t.Error(err)
	}
	f.logged(t, n, "552 5.2.2 mailbox full")
	if s := f.status(t); s.Open+s.Held > 0 || len(s.Contained) > 0 {
		t.Errorf("%+v\n%s", s, f.do(t, "incident", "list"))
	}
	if list, _ := f.Run(f.ctx, "account", "explain", "anna2", "--from", hotel, "--to", "bob@example.com"); strings.Contains(list, "refused by their servers") {
		t.Error(list)
	}
}

// TestAMainCFThatSomebodyRewroteIsSaidWithItsLine: each step by itself. What no mail can show, for none comes that way, too.
func TestAMainCFThatSomebodyRewroteIsSaidWithItsLine(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	path := filepath.Join(f.Site.Postfix.ConfigDir, "main.cf")
	attached, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	postconf := func(setting string) func() error {
		return func() error { return f.Site.Postfix.Command(f.ctx, "postconf", "-e", setting).Run() }
	}
	without := func(what string) func() error {
		return func() error {
			return os.WriteFile(path, unlined(attached, what), 0o644)
		}
	}
	for _, c := range []struct {
		name string
		do   func() error
		says []string
	}{
		{"another milter instead", postconf("smtpd_milters = inet:127.0.0.1:11332"), []string{"inbound mail", "main.cf:", "smtpd_milters = inet:127.0.0.1:11332"}},
		{"another milter instead, of submissions", postconf("postward_submission = inet:127.0.0.1:11332"), []string{"submission mail"}},
		{"the words are gone", without("postward_"), []string{"mail", "is not set"}},
		{"the file of before", func() error {
			before := attached
			for _, what := range []string{"postward_", "smtpd_milters", "non_smtpd_milters"} {
				before = unlined(before, what)
			}
			return os.WriteFile(path, before, 0o644)
		}, []string{"inbound mail", "smtpd_milters", "local mail", "non_smtpd_milters"}},
		{"no local milters", postconf("non_smtpd_milters ="), []string{"local mail", "non_smtpd_milters ="}},
		{"lines that go on", func() error {
			return os.WriteFile(path, append([]byte("smtpd_milters = $postward_milter\n  bl.example.net*2\n"), unlined(attached, "smtpd_milters")...), 0o644)
		}, []string{"bl.example.net*2", "451"}},
	} {
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		t.Run(c.name, func(t *testing.T) { f.says(t, c.says...) })
		if err := os.WriteFile(path, attached, 0o644); err != nil {
			t.Fatal(err)
		}
		f.wait(t, "all to be well again", func() error {
			for _, text := range f.status(t).Troubles {
				if strings.Contains(text, "main.cf") {
					return fmt.Errorf("%q", text)
				}
			}
			return nil
		})
	}
	// What is appended with a blank before it goes on with somebody's own last line, and mail from outside comes as before.
	if err := os.WriteFile(path, append(slices.Clone(attached), "postscreen_dnsbl_sites =\n  bl.example.net*2\n# mine\n  bl.example.com*1\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Site.Postfix.Command(f.ctx, "postfix", "reload").Run(); err != nil {
		t.Fatal(err)
	}
	m := rig.Client{Addr: f.Site.Postfix.SMTP(), Address: stranger}.SendOne(f.ctx, rig.Mail{From: "bob@far.example", To: []string{"anna@example.org"}})
	if m.Outcome != rig.Accepted {
		t.Errorf("with lines behind the file: %d %s", m.Code, m.Reply)
	}
	f.account(t, []rig.Mail{m})
}

// unlined is a file without the lines that begin so.
func unlined(file []byte, begin string) []byte {
	return []byte(strings.Join(slices.DeleteFunc(strings.SplitAfter(string(file), "\n"), func(l string) bool { return strings.HasPrefix(l, begin) }), ""))
}
