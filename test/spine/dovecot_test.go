//go:build daemons

package spine_test

import (
	"context"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postward/test/rig"
)

// TestAttachTellsDovecotWhenAskedAndDetachTakesItBack with postward as shipped. The key is for root and the daemon.
func TestAttachTellsDovecotWhenAskedAndDetachTakesItBack(t *testing.T) {
	site := rig.TestSite(t, rig.PostfixConfig{}, map[string]string{"anna": "anna"}, "!include_try conf.d/*.conf")
	conf := filepath.Join(site.Dovecot.Dir, "conf.d")
	if err := os.Mkdir(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	binary, err := rig.Build()
	if err != nil {
		t.Fatal(err)
	}
	before := hashOf(t, conf)
	key := filepath.Join(site.Dovecot.Dir, "keys", "authpolicy.key")
	w, err := rig.Attach(site.Postfix, rig.PostwardConfig{Binary: binary, Settings: "[authpolicy]\nlisten = \"127.0.0.1:4002\"\nkey_file = \"" + key + "\"\n"})
	if err != nil {
		t.Fatal(err)
	}
	if after := hashOf(t, conf); after != before {
		t.Error("nobody asked for it, and Dovecot was told")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := func(verb string, args ...string) string {
		t.Helper()
		out, err := w.Run(ctx, append([]string{verb, "--postfix", site.Postfix.ConfigDir, "--state-dir", w.StateDir, "--no-reload", "--dovecot-conf", site.Dovecot.Config}, args...)...)
		if err != nil {
			t.Fatalf("%v %s", err, out)
		}
		return out
	}
	out := run("attach", "--apply", "--unheard", "--dovecot")
	digits := strings.TrimSpace(rig.ReadFile(t, key))
	if !strings.Contains(out, "doveadm reload") || strings.Contains(out, digits) {
		t.Errorf("attach said:\n%s", out)
	}
	if said, err := site.Dovecot.Doveadm(ctx, "reload"); err != nil {
		t.Errorf("Dovecot reads it again: %v %s", err, said)
	}
	settings := rig.ReadFile(t, filepath.Join(site.Dovecot.Dir, "postward.conf.ext"))
	if !strings.Contains(settings, "X-Postward-Key: "+digits+"\n") || !strings.Contains(settings, "http://127.0.0.1:4002/") {
		t.Errorf("Dovecot was told\n%s", settings)
	}
	info, err := os.Stat(key)
	if err != nil {
		t.Fatal(err)
	}
	daemon, err := user.Lookup("postward")
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); info.Mode().Perm() != 0o640 || st.Uid != 0 || strconv.Itoa(int(st.Gid)) != daemon.Gid {
		t.Errorf("the key is of %d:%d, mode %o", st.Uid, st.Gid, info.Mode().Perm())
	}
	if out := run("attach", "--apply", "--unheard", "--dovecot"); !strings.Contains(out, "told the same already") {
		t.Errorf("a second time: %s", out)
	}
	if out := run("detach"); !strings.Contains(out, "99-postward.conf: taken away") {
		t.Errorf("detach said:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(site.Dovecot.Dir, "postward.conf.ext")); hashOf(t, conf) != before || err == nil {
		t.Error("something of it stays in Dovecot's configuration")
	}
}

// locking is a field whose Dovecot asks postward; lines are further ones of its configuration.
func locking(t *testing.T, lines ...string) *field {
	t.Helper()
	site := rig.TestSite(t, rig.PostfixConfig{}, users, append(lines, "!include_try conf.d/*.conf")...)
	if err := os.Mkdir(filepath.Join(site.Dovecot.Dir, "conf.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	binary, err := rig.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := site.Postfix.Stop(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(site.Dovecot.Dir, "keys", "authpolicy.key")
	w, err := rig.Attach(site.Postfix, rig.PostwardConfig{Binary: binary, Mode: "enforce",
		Settings: settings + "[authpolicy]\nlisten = \"127.0.0.1:4002\"\nkey_file = \"" + key + "\"\ndovecot = \"" + site.Dovecot.Config + "\"\n"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	if _, err := w.Run(ctx, "attach", "--apply", "--unheard", "--no-reload", "--dovecot", "--dovecot-conf", site.Dovecot.Config, "--postfix", site.Postfix.ConfigDir, "--state-dir", w.StateDir); err != nil {
		t.Fatal(err)
	}
	if said, err := site.Dovecot.Doveadm(ctx, "reload"); err != nil {
		t.Fatalf("Dovecot reads it again: %v %s", err, said)
	}
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("postward said:\n%s\nDovecot said:\n%s", w.LogTail(30), site.Dovecot.Log())
		}
	})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	if err := site.Postfix.Start(); err != nil {
		t.Fatal(err)
	}
	return &field{Site: site, Postward: w, ctx: ctx}
}

// logsIn reports whether a login of Dovecot's is let in, and what it said.
func (f *field) logsIn(service, client, account, password string) (bool, string) {
	return f.Site.Dovecot.Login(f.ctx, service, client, "s1", account, password)
}

// stopped is what a thief sends from a stranger's address until the account is stopped.
func (f *field) stopped(t *testing.T, account string) (sent []rig.Mail) {
	t.Helper()
	for range 12 {
		sent = append(sent, rig.Load{Client: f.client(account, stranger), Count: 5, Parallel: 1, Mail: func(int) rig.Mail {
			return rig.Mail{From: account + "@example.org", To: []string{rig.NewToken() + "@example.net"}}
		}}.Send(f.ctx)...)
		if len(f.status(t).Contained) > 0 {
			break
		}
	}
	if s := f.status(t); len(s.Contained) != 1 {
		t.Fatalf("%+v", s)
	}
	return sent
}

// TestAStoppedAccountIsReadFromHomeAlone: the password is still right, and the thief is out all the same, over IMAP and SMTP, until
// the administrator says otherwise.
func TestAStoppedAccountIsReadFromHomeAlone(t *testing.T) {
	f := locking(t)
	f.do(t, "account", "allow", "alarm")
	if in, said := f.logsIn("imap", stranger, "alarm", users["alarm"]); !in {
		t.Fatalf("before anything happened: %s", said)
	}
	sent := f.stopped(t, "alarm")
	for _, service := range []string{"imap", "pop3", "sieve"} {
		if in, said := f.logsIn(service, stranger, "alarm", users["alarm"]); in || !strings.Contains(said, "was stopped") {
			t.Errorf("%s from the thief's network: %v %s", service, in, said)
		}
		if in, said := f.logsIn(service, office, "alarm", users["alarm"]); !in {
			t.Errorf("%s from the office: %s", service, said)
		}
	}
	s, err := rig.Client{Addr: f.Site.Postfix.Submission(), Address: stranger, User: "alarm", Password: users["alarm"]}.Open(f.ctx)
	if err == nil {
		t.Error("the thief is let in over SMTP")
	} else if last := s.Steps[len(s.Steps)-1]; last.Code != 535 || !strings.Contains(last.Text, "was stopped") {
		t.Errorf("SMTP says %s", last)
	}
	if bans := f.do(t, "ban", "list"); strings.Contains(bans, stranger) {
		t.Errorf("what we refused counts as guesses:\n%s", bans)
	}
	f.do(t, "account", "unlock", "alarm")
	if in, said := f.logsIn("imap", stranger, "alarm", users["alarm"]); !in {
		t.Errorf("after unlock: %s", said)
	}
	f.do(t, "account", "lock", "alarm")
	if in, _ := f.logsIn("imap", office, "alarm", users["alarm"]); in {
		t.Error("a locked account is let in")
	}
	f.account(t, sent)
}

// TestWhoGuessesOverIMAPIsRefusedBeforeHisPasswordIsLookedAt: Dovecot reports each login with a hash of its password; the same one
// again is no guess.
func TestWhoGuessesOverIMAPIsRefusedBeforeHisPasswordIsLookedAt(t *testing.T) {
	f := locking(t)
	f.do(t, "account", "allow", "anna")
	for range 30 {
		f.logsIn("imap", hotel, "anna", "the old password")
	}
	if bans := f.do(t, "ban", "list"); strings.Contains(bans, hotel) {
		t.Errorf("a telephone with an old password is banned:\n%s", bans)
	}
	for n := range 8 {
		f.logsIn("imap", stranger, "anna", "guess "+string(rune('a'+n)))
	}
	f.wait(t, "the ban", func() error {
		if bans := f.do(t, "ban", "list"); !strings.Contains(bans, stranger) {
			return context.DeadlineExceeded
		}
		return nil
	})
	if in, said := f.logsIn("imap", stranger, "anna", users["anna"]); in || !strings.Contains(said, "kept out") {
		t.Errorf("with the right password: %v %s", in, said)
	}
	if in, said := f.logsIn("imap", "198.51.100.200", "anna", users["anna"]); !in {
		t.Errorf("from elsewhere: %s", said)
	}
}
