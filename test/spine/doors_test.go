//go:build daemons

package spine_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postward/test/rig"
)

// Ways past postward: what of them is said, by attach and by status, and that it is said no more when they are shut.

// awaitDoor waits until status says, or says no more, what has this text in it.
func (f *field) awaitDoor(t *testing.T, text string, open bool) {
	t.Helper()
	f.wait(t, fmt.Sprintf("status to say (%t) %s", open, text), func() error {
		var s status
		if err := f.Ask(f.ctx, &s, "status"); err != nil { // it is being started again
			return err
		}
		if said := strings.Join(s.Troubles, "\n"); strings.Contains(said, text) != open {
			return fmt.Errorf("it says %q", said)
		}
		return nil
	})
}

// dryRun is what attach shows.
func (f *field) dryRun(t *testing.T) string {
	t.Helper()
	return f.do(t, "attach", "--dry-run", "--postfix", f.Site.Postfix.ConfigDir)
}

// reconfigure edits a file of Postfix and makes the master read it.
func (f *field) reconfigure(t *testing.T, name, old, is string) {
	t.Helper()
	path := filepath.Join(f.Site.Postfix.ConfigDir, name)
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), old) {
		t.Fatalf("%q is not in %s: %v", old, name, err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, is, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("postfix", "-c", f.Site.Postfix.ConfigDir, "reload").CombinedOutput(); err != nil {
		t.Fatalf("reload: %v\n%s", err, out)
	}
}

// strangers write to so many users here.
func (f *field) strangers(t *testing.T, n int) (sent []rig.Mail) {
	t.Helper()
	for i := range n {
		c := rig.Client{Addr: f.Site.Postfix.SMTP(), Address: fmt.Sprintf("198.51.100.%d", i+1)}
		sent = append(sent, c.SendOne(f.ctx, rig.Mail{From: fmt.Sprintf("s%d@elsewhere%d.example", i, i), To: []string{fmt.Sprintf("user%d@example.org", i)}}))
	}
	return sent
}

// TestAReturnPortIsSaidUntilOnlyTheFilterReachesIt: as amavis' README has it. A firewall that knows whose socket it is shuts it.
func TestAReturnPortIsSaidUntilOnlyTheFilterReachesIt(t *testing.T) {
	port, err := rig.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	f := attachedTo(t, rig.PostfixConfig{Master: []string{fmt.Sprintf("127.0.0.1:%d inet n - y - - smtpd\n  -o content_filter=\n"+
		"  -o smtpd_recipient_restrictions=permit_mynetworks,reject\n  -o receive_override_options=no_unknown_recipient_checks,no_milters", port)}},
		rig.PostwardConfig{Mode: "enforce"})
	name := fmt.Sprintf("127.0.0.1:%d", port)
	door := "postward is not asked about mail through " + name
	rule := fmt.Sprintf("nft add rule inet filter output tcp dport '{ %d }' meta skuid != '{ root, amavis }' reject", port)
	if out := f.dryRun(t); !strings.Contains(out, door) || !strings.Contains(out, rule) {
		t.Errorf("attach says\n%s", out)
	}
	f.awaitDoor(t, door, true)
	shell := rig.Client{Addr: name, As: "www-data"}.SendOne(f.ctx, rig.Mail{From: "ceo@example.org", To: []string{"victim@example.net"}})
	if shell.Outcome != rig.Accepted { // else this is no door
		t.Errorf("a program of another user: %s %s", shell.Outcome, shell.Reply)
	}
	setup := "nft add table inet filter && nft add chain inet filter output '{ type filter hook output priority 0 ; }' && "
	if out, err := exec.Command("sh", "-c", setup+strings.Replace(rule, "amavis", "nobody", 1)).CombinedOutput(); err != nil {
		t.Fatalf("shut the port with nft (test/setup.sh test installs it): %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("nft", "delete", "table", "inet", "filter").Run() })
	f.touch(t)
	f.awaitDoor(t, door, false)
	if _, err := (rig.Client{Addr: name, As: "www-data"}).Open(f.ctx); err == nil {
		t.Error("the firewall lets a program of another user in")
	}
	filter := rig.Client{Addr: name, As: "nobody"}.SendOne(f.ctx, rig.Mail{From: "a@example.com", To: []string{"anna@example.org"}})
	if filter.Outcome != rig.Accepted {
		t.Errorf("the filter itself: %s %s", filter.Outcome, filter.Reply)
	}
	if out, err := exec.Command("nft", "flush", "chain", "inet", "filter", "output").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	f.touch(t)
	f.awaitDoor(t, door, true)
	f.account(t, []rig.Mail{shell, filter})
}

// touch makes Postfix's configuration look changed, so that it is looked at now.
func (f *field) touch(t *testing.T) {
	t.Helper()
	now := time.Now()
	if err := os.Chtimes(filepath.Join(f.Site.Postfix.ConfigDir, "master.cf"), now, now); err != nil {
		t.Fatal(err)
	}
}

// TestAPipeFilterIsSaidUntilItsUserIsDeclared: as FILTER_README's simple filter. Declared, it holds no stranger's mail.
func TestAPipeFilterIsSaidUntilItsUserIsDeclared(t *testing.T) {
	f := attachedTo(t, rig.PostfixConfig{SMTPOptions: []string{"content_filter=simple:dummy"}, Master: []string{
		"simple unix - n n - 10 pipe\n  flags=Rq user=www-data null_sender=\n  argv=/usr/sbin/sendmail -C CONFIG -G -i -f ${sender} -- ${recipient}"}},
		rig.PostwardConfig{Mode: "enforce"})
	f.reconfigure(t, "master.cf", "CONFIG", f.Site.Postfix.ConfigDir)
	command := "postward account allow local:www-data --class application --address '*' --budget 100000"
	if out := f.dryRun(t); !strings.Contains(out, command) {
		t.Errorf("attach says\n%s", out)
	}
	f.awaitDoor(t, command, true)
	f.do(t, "account", "allow", "local:www-data")
	f.awaitDoor(t, command, true) // an account that may write as itself refuses everybody's mail
	f.do(t, strings.Fields(strings.ReplaceAll(strings.TrimPrefix(command, "postward "), "'", ""))...)
	f.awaitDoor(t, command, false)
	sent := f.strangers(t, 60)
	if err := f.Sink.WaitLen(f.ctx, len(sent)); err != nil {
		t.Errorf("%v; status: %+v", err, f.status(t))
	}
	f.do(t, "account", "deny", "local:www-data")
	f.awaitDoor(t, command, true)
	if ledger := f.account(t, sent); len(ledger.AtSink) != len(sent) {
		t.Error(ledger)
	}
}

// TestMynetworksThatGrewIsSaidUntilOwnNetworksHasIt: by a later edit, and by a table.
func TestMynetworksThatGrewIsSaidUntilOwnNetworksHasIt(t *testing.T) {
	f := attached(t, rig.PostwardConfig{Mode: "enforce"})
	list := filepath.Join(f.Site.Postfix.ConfigDir, "relays")
	if err := os.WriteFile(list, []byte("203.0.113.5 x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f.reconfigure(t, "main.cf", "mynetworks = 127.0.0.0/8", "mynetworks = 127.0.0.0/8 192.0.2.0/25 198.51.100.0/24 texthash:"+list)
	const door = "(mynetworks: 198.51.100.0/24, 203.0.113.5/32)"
	f.awaitDoor(t, door, true)
	if out := f.dryRun(t); !strings.Contains(out, door) {
		t.Errorf("attach says\n%s", out)
	}
	unseen := rig.Client{Addr: f.Site.Postfix.SMTP(), Address: "203.0.113.5"}.SendOne(f.ctx, rig.Mail{From: "ceo@example.org", To: []string{"victim@example.net"}})
	if unseen.Outcome != rig.Accepted { // else this is no door
		t.Errorf("a machine that may relay: %s %s", unseen.Outcome, unseen.Reply)
	}
	text, err := os.ReadFile(f.Config)
	own := `own = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.5/32"]`
	if err != nil || os.WriteFile(f.Config, []byte(strings.Replace(string(text), `own = ["192.0.2.0/24"]`, own, 1)), 0o644) != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(f.Pids()[0], syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	f.awaitDoor(t, door, false)
	f.account(t, []rig.Mail{unseen})
}
