//go:build daemons

package spine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
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

// grown is what main.cf of an older server has besides: it makes the file longer than 60 lines.
const grown = `
# --- added over the years ---------------------------------------------
# spam: see mail of 2019
smtpd_helo_required = yes
smtpd_recipient_restrictions =
    permit_mynetworks,
    permit_sasl_authenticated,
    # reject_unknown_client_hostname,
	reject_unauth_destination
disable_vrfy_command	= yes
# the old address
virtual_alias_domains = old.example.org
virtual_alias_maps = inline:{ {@old.example.org = anna@example.org} }
message_size_limit=26214400
milter_default_action = accept
milter_protocol = 6
  # a comment that begins with blanks
smtpd_banner =
    $myhostname ESMTP
header_checks = regexp:{ {/^X-Nothing:/ IGNORE} }
# last line without an end`

// hashOf is the sum of names, modes, times and bytes of everything in a directory.
func hashOf(t *testing.T, dir string) string {
	t.Helper()
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %s\n", path, info.Mode())
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum.Write(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// another is a second milter, which was there before.
func another(t *testing.T, socket string) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	s := milter.Server{NewMilter: func() milter.Milter { return marker{} }, Actions: milter.OptAddHeader, Protocol: milter.OptNoBody}
	go func() { _ = s.Serve(l) }() // ends when its listener does
}

// marker adds a field to each message.
type marker struct{ milter.NoOpMilter }

func (marker) Body(m *milter.Modifier) (milter.Response, error) {
	return milter.RespAccept, m.AddHeader("X-Marked", "yes")
}

// mails sends one mail each way and waits for them.
func (f *field) mails(t *testing.T) []rig.Mail {
	t.Helper()
	in := rig.Client{Addr: f.Site.Postfix.SMTP(), Address: hotel}.SendOne(f.ctx, rig.Mail{From: "carla@example.com", To: []string{"anna@example.org"}})
	submitted := f.one("anna", office, "carla@example.com")
	old := f.client("bob", office)
	old.Addr = f.Site.Postfix.SMTP()
	on25 := old.SendOne(f.ctx, rig.Mail{From: "bob@example.org", To: []string{"carla@example.com"}})
	local := rig.Mail{Token: rig.NewToken(), From: "nobody@example.org", To: []string{"w@example.net"}, Outcome: rig.Accepted}
	if err := f.Site.Postfix.SendMail("nobody", "", []byte(local.Text()), local.To...); err != nil {
		t.Fatal(err)
	}
	all := []rig.Mail{in, submitted, on25, local}
	for _, m := range all {
		if m.Outcome != rig.Accepted {
			t.Fatalf("%s: %s %d %s", m.From, m.Outcome, m.Code, m.Reply)
		}
	}
	f.wait(t, "four mails", func() error {
		at := f.Sink.Copies()
		for _, m := range all {
			if at[m.Copies()[0]] == 0 {
				return fmt.Errorf("the mail from %s is not there", m.From)
			}
		}
		return nil
	})
	return all
}

func TestAttachWorkDetachLeavesNoTrace(t *testing.T) {
	binary, err := rig.Build()
	if err != nil {
		t.Fatal(err)
	}
	site, err := rig.NewSite(rig.PostfixConfig{SMTPMilters: "unix:another.sock", SMTPOptions: []string{"smtpd_sasl_auth_enable=yes"}}, users)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := site.Close(); err != nil {
			t.Error(err)
		}
	})
	p := site.Postfix
	main := filepath.Join(p.ConfigDir, "main.cf")
	text, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	// sendmail(1) of an ordinary user asks the machine's main.cf for leave to use the directory by its other name.
	whole := string(text) + "alternate_config_directories = " + p.ConfigDir + "\n" + grown
	if err := os.WriteFile(main, []byte(whole), 0o644); err != nil || strings.Count(whole, "\n") < 60 {
		t.Fatalf("%v, %d lines", err, strings.Count(whole, "\n"))
	}
	another(t, filepath.Join(p.QueueDir, "another.sock"))
	// From here on it is the machine's own Postfix, as far as this room goes, with the files of Debian's package.
	if out, err := exec.Command("cp", "-a", "-n", "/etc/postfix/.", p.ConfigDir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if err := unix.Mount(p.ConfigDir, "/etc/postfix", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount("/etc/postfix", unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	w, err := rig.NewPostward(p, rig.PostwardConfig{Binary: binary, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	f := &field{Site: site, Postward: w, ctx: ctx}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("postward said:\n%s\nPostfix said:\n%s", w.LogTail(30), p.LogTail(40))
		}
	})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	before := hashOf(t, p.ConfigDir)
	sent := f.mails(t)

	if plan := f.do(t, "attach"); !strings.Contains(plan, "Nothing was changed") || hashOf(t, p.ConfigDir) != before {
		t.Fatalf("a look changed something:\n%s", plan)
	}
	if out, err := f.Run(f.ctx, "attach", "--apply", "--state-dir", w.StateDir); err == nil {
		t.Errorf("attached though nobody listens: %s", out)
	}
	if hashOf(t, p.ConfigDir) != before {
		t.Fatal("an attach that failed changed something")
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
	}()
	f.do(t, "attach", "--apply", "--state-dir", w.StateDir)
	f.greeted(t)
	sent = append(sent, f.mails(t)...)
	for _, account := range []string{"anna", "bob", "local:nobody"} {
		if shown := f.do(t, "account", "show", account); !strings.Contains(shown, "\n  1 mail, last") {
			t.Errorf("%s: %s", account, shown)
		}
	}
	f.do(t, "detach", "--state-dir", w.StateDir)
	f.greeted(t)
	if after := hashOf(t, p.ConfigDir); after != before {
		t.Errorf("the configuration was %s and is %s", before, after)
	}
	if err := w.Stop(); err != nil {
		t.Error(err)
	}
	sent = append(sent, f.mails(t)...)
	if ledger := f.account(t, sent); len(ledger.AtSink) != len(sent) {
		t.Error(ledger)
	}
}

// greeted waits until Postfix serves again after a reload.
func (f *field) greeted(t *testing.T) {
	t.Helper()
	for _, addr := range []string{f.Site.Postfix.SMTP(), f.Site.Postfix.Submission()} {
		if err := rig.WaitGreeting(f.ctx, addr); err != nil {
			t.Fatal(err)
		}
	}
}
