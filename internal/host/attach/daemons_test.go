//go:build daemons

package attach

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postward/internal/host/postfix"
	"postward/test/rig"
)

// These tests use the Postfix and Dovecot that Debian ships, with directories of their own, in a room of their own
// (see TestMain); nothing of the machine's own configuration is read or written.

// age makes main.cf look old: Postfix waits up to two seconds for one that was written just now.
func age(t *testing.T, dir string) {
	t.Helper()
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, mainCF), past, past); err != nil {
		t.Fatal(err)
	}
}

func TestPostconfReadsEveryCaseAsWeDo(t *testing.T) {
	needRoom(t)
	for _, name := range cases(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			dir := rig.OpenDir(t)
			for _, file := range []string{mainCF, masterCF} {
				rig.WriteFile(t, filepath.Join(dir, file), []byte(rig.ReadFile(t, filepath.Join(name, file))), 0o644)
			}
			age(t, dir)
			h, err := Inspect(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			sockets := testSockets
			for _, s := range []*string{&sockets.Inbound, &sockets.Submission, &sockets.Local} {
				*s = strings.Replace(*s, "/var/spool/postfix", h.QueueDir, 1)
			}
			p, err := NewPlan(h, sockets)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(describe(h, p), dir, "/etc/postfix")
			if want := rig.ReadFile(t, filepath.Join(name, "plan.want")); got != want {
				t.Errorf("by postconf:\n%s", strings.Join(diff([]byte(want), []byte(got)), "\n"))
			}
			if err := p.Rehearse(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// private is a Postfix of our own.
type private struct {
	etc, queue, state        string
	smtp, submission, filter int // ports
	sockets                  Sockets
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func newPrivate(t *testing.T) *private {
	t.Helper()
	needRoom(t)
	root := rig.OpenDir(t)
	p := &private{
		etc: root + "/etc", queue: root + "/queue", state: root + "/state",
		smtp: freePort(t), submission: freePort(t), filter: freePort(t),
	}
	p.sockets = Sockets{
		Inbound: "unix:" + p.queue + "/postward/inbound.sock", Submission: "unix:" + p.queue + "/postward/submission.sock",
		Local: "unix:" + p.queue + "/postward/local.sock", Answer: 10 * time.Second,
	}
	postfix, err := user.Lookup("postfix")
	if err != nil {
		t.Skip("there is no user postfix")
	}
	uid, _ := strconv.Atoi(postfix.Uid)
	for _, dir := range []string{p.etc, p.queue, p.state, root + "/data", root + "/log"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(root+"/data", uid, -1); err != nil {
		t.Fatal(err)
	}
	rig.WriteFile(t, p.etc+"/main.cf", []byte(p.mainCF(root)), 0o644)
	age(t, p.etc)
	rig.WriteFile(t, p.etc+"/master.cf", []byte(p.masterCF()), 0o640)
	rig.WriteFile(t, p.etc+"/sender_login", []byte("anna@example.org anna\n@club.example anna, bert\n"), 0o644)
	return p
}

// mainCF with masterCF is a configuration of some sixty lines: AUTH on the port for other servers too, submission,
// a content filter's return, and a milter of somebody else.
func (p *private) mainCF(root string) string {
	return fmt.Sprintf(`# The mail server of a small club. Grown over years.
compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = %[1]s/log/mail.log
maillog_file_prefixes = %[1]s

inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mail.example.org
mydestination = $myhostname, example.org, localhost
mynetworks =
	# only ourselves
	127.0.0.0/8

alias_maps =
local_recipient_maps =
local_transport = discard:
default_transport = discard:
# AUTH for everybody, see master.cf
smtpd_sasl_auth_enable = no
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sender_login_maps = texthash:%[1]s/etc/sender_login, pcre:/nowhere
smtpd_recipient_restrictions =
    permit_sasl_authenticated,
    permit_mynetworks,
    reject_unauth_destination

# DKIM
milter_default_action = accept
smtpd_milters = unix:dkim/dkim.sock
non_smtpd_milters = $smtpd_milters`, root) // no newline at the end
}

func (p *private) masterCF() string {
	return fmt.Sprintf(`# service type  private unpriv  chroot  wakeup  maxproc command + args
127.0.0.1:%d inet n - n - - smtpd
127.0.0.1:%d inet n - n - - smtpd
  -o syslog_name=postfix/submission
# loud
  -o smtpd_sasl_auth_enable=yes
  -o { smtpd_client_restrictions = permit_sasl_authenticated permit_mynetworks
       reject }
127.0.0.1:%d inet n - n - - smtpd
	-o content_filter= -o smtpd_authorized_xforward_hosts=127.0.0.0/8
	# back from the filter
	-o receive_override_options=no_header_body_checks
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
`, p.smtp, p.submission, p.filter)
}

func (p *private) plan(t *testing.T) *Plan {
	t.Helper()
	h, err := Inspect(t.Context(), p.etc)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(h, p.sockets)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func (p *private) options(t *testing.T) Options {
	return Options{StateDir: p.state, Now: time.Now(), Unheard: true, Say: func(s string) { t.Log(s) }}
}

func TestAttachAndDetachLeaveNoTrace(t *testing.T) {
	p := newPrivate(t)
	before := mustDigest(t, p.etc)
	plan := p.plan(t)
	t.Log("\n" + strings.Join(plan.Lines(), "\n"))
	if _, err := plan.Apply(t.Context(), Options{StateDir: p.state, Now: time.Now()}); !errors.Is(err, ErrProblems) || !strings.Contains(err.Error(), "does not listen") {
		t.Errorf("attached though nobody listens: %v", err)
	}
	if mustDigest(t, p.etc) != before {
		t.Fatal("a refused attachment changed something")
	}
	rec, err := plan.Apply(t.Context(), p.options(t))
	if err != nil {
		t.Fatal(err)
	}
	if rec.Digest != before || rec.State != stateAttached {
		t.Errorf("record: digest %s, state %s", rec.Digest, rec.State)
	}
	if out, err := exec.Command("postfix", "-c", p.etc, "check").CombinedOutput(); err != nil {
		t.Errorf("postfix check: %v\n%s", err, out)
	}
	if warnings, err := (postfix.Instance{ConfigDir: p.etc}).Warnings(t.Context()); err != nil || len(warnings) > 0 {
		t.Errorf("postconf complains: %q %v", warnings, err)
	}
	if _, err := p.plan(t).Apply(t.Context(), p.options(t)); !errors.Is(err, ErrAttached) {
		t.Errorf("attaching twice: %v", err)
	}
	d, err := Detach(t.Context(), p.etc, p.options(t))
	if err != nil {
		t.Fatal(err)
	}
	if after := mustDigest(t, p.etc); after != before || !d.Identical {
		t.Errorf("sha256 %s, was %s, %+v", after, before, d)
	}
}

func TestAFailureAfterWritingPutsEverythingBack(t *testing.T) {
	p := newPrivate(t)
	before := mustDigest(t, p.etc)
	plan := p.plan(t)
	for _, after := range []string{"wrote " + p.etc + "/main.cf", "wrote " + p.etc + "/master.cf"} {
		ctx, cancel := context.WithCancel(t.Context())
		o := p.options(t)
		seen := false
		o.Say = func(s string) {
			if s == after {
				seen = true
				cancel()
			}
		}
		_, err := plan.Apply(ctx, o)
		if err == nil || !strings.Contains(err.Error(), "everything was put back") || !seen {
			t.Errorf("%s, then cancelled: %v", after, err)
		}
		if mustDigest(t, p.etc) != before {
			t.Errorf("%s, then cancelled: not as before", after)
		}
	}
	if _, err := Detach(t.Context(), p.etc, p.options(t)); !errors.Is(err, ErrNotAttached) {
		t.Errorf("after the failure: %v", err)
	}
}

func TestAnUnknownMeaningIsFoundInTheRehearsal(t *testing.T) {
	p := newPrivate(t)
	// Local mail's milters come from smtpd's by a way that attach does not follow: it would be judged twice.
	main := strings.Replace(p.mainCF(filepath.Dir(p.etc)), "non_smtpd_milters = $smtpd_milters", "detour = $smtpd_milters\nnon_smtpd_milters = $detour", 1)
	rig.WriteFile(t, p.etc+"/main.cf", []byte(main), 0o644)
	before := mustDigest(t, p.etc)
	_, err := p.plan(t).Apply(t.Context(), p.options(t))
	if !errors.Is(err, ErrProblems) || !strings.Contains(err.Error(), "cleanup/unix") {
		t.Errorf("apply: %v", err)
	}
	if mustDigest(t, p.etc) != before {
		t.Error("something was written")
	}
}

// start runs Postfix and the Dovecot that it asks for logins.
func (p *private) start(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("postfix", "-c", p.etc, "check").CombinedOutput(); err != nil { // makes the queue's directories
		t.Fatalf("postfix check: %v\n%s", err, out)
	}
	p.dovecot(t)
	if out, err := exec.Command("postfix", "-c", p.etc, "start").CombinedOutput(); err != nil {
		t.Fatalf("start postfix: %v\n%s\n%s", err, out, rig.ReadFile(t, filepath.Dir(p.etc)+"/log/mail.log"))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("postfix", "-c", p.etc, "stop").CombinedOutput(); err != nil {
			t.Errorf("stop postfix: %v\n%s", err, out)
		}
		if t.Failed() {
			t.Log(rig.ReadFile(t, filepath.Dir(p.etc)+"/log/mail.log"))
		}
	})
}

func (p *private) dovecot(t *testing.T) {
	t.Helper()
	base := filepath.Dir(p.etc) + "/dovecot"
	rig.WriteFile(t, base+"/passwd", []byte("anna:{PLAIN}geheim\n"), 0o644)
	version, err := rig.DovecotVersion()
	if err != nil {
		t.Fatal(err)
	}
	rig.WriteFile(t, base+"/dovecot.conf", []byte(rig.DovecotPasswords(version, base+"/passwd")+fmt.Sprintf(`base_dir = %[1]s/run
state_dir = %[1]s/run
log_path = %[1]s/log
protocols =
ssl = no
auth_mechanisms = plain login
service auth {
  unix_listener %[2]s/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
`, base, p.queue)), 0o644)
	cmd := exec.Command("dovecot", "-F", "-c", base+"/dovecot.conf")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait()); err != nil {
			t.Logf("dovecot: %v", err)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		if conn, err := net.Dial("unix", p.queue+"/private/auth"); err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("dovecot does not listen")
		}
		time.Sleep(20 * time.Millisecond) // between two looks at a fact, up to the deadline
	}
}

// say opens an SMTP session, says the commands and returns the last reply.
func say(t *testing.T, port int, commands ...string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(40 * time.Second)); err != nil {
		t.Fatal(err)
	}
	in := textproto.NewReader(bufio.NewReader(conn))
	var last string
	for i := 0; ; i++ {
		code, text, err := in.ReadResponse(0)
		if err != nil {
			t.Fatalf("port %d after %q: %v", port, commands[:i], err)
		}
		last = fmt.Sprint(code, " ", text)
		if i == len(commands) {
			return last
		}
		fmt.Fprintf(conn, "%s\r\n", commands[i])
	}
}

// TestAttachedServicesUseTheirOwnSockets asks the running Postfix: with nobody at the sockets, the two failure
// answers tell which one a service was given.
func TestAttachedServicesUseTheirOwnSockets(t *testing.T) {
	p := newPrivate(t)
	p.start(t)
	mail := []string{"EHLO client.example.net", "MAIL FROM:<a@example.com>", "RCPT TO:<anna@example.org>"}
	ports := map[string]int{"smtp": p.smtp, "submission": p.submission, "filter": p.filter}
	for name, port := range ports {
		if got := say(t, port, mail...); !strings.HasPrefix(got, "250 ") {
			t.Errorf("before, %s: %s", name, got)
		}
	}
	if ehlo := say(t, p.submission, mail[0]); !strings.Contains(ehlo, "AUTH PLAIN") {
		t.Fatalf("submission does not offer AUTH: %s", ehlo)
	}
	before := mustDigest(t, p.etc)
	if _, err := p.plan(t).Apply(t.Context(), p.options(t)); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"smtp": "250 ", "submission": "451 ", "filter": "250 "}
	for name, port := range ports {
		if got := say(t, port, mail[:2]...); !strings.HasPrefix(got, want[name]) {
			t.Errorf("attached, nobody at the sockets, %s: %s", name, got)
		}
	}
	log := rig.ReadFile(t, filepath.Dir(p.etc)+"/log/mail.log")
	for _, socket := range []string{"inbound", "submission"} {
		if !strings.Contains(log, "postward/"+socket+".sock") {
			t.Errorf("Postfix never looked for the %s socket", socket)
		}
	}
	if _, err := Detach(t.Context(), p.etc, p.options(t)); err != nil {
		t.Fatal(err)
	}
	if mustDigest(t, p.etc) != before {
		t.Error("detached, not as before")
	}
	for name, port := range ports {
		if got := say(t, port, mail...); !strings.HasPrefix(got, "250 ") {
			t.Errorf("detached, %s: %s", name, got)
		}
	}
}
