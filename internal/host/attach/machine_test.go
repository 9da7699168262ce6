//go:build daemons

package attach

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postward/internal/host/postfix"
	"postward/test/rig"
)

// machine is the room's own mail server in the places of a real one: /etc/postfix (testdata/16-machine),
// /var/spool/postfix, ports 25, 587 and 465. The machine's own directories lie below, covered and untouched.
type machine struct {
	sink  *rig.Sink // the provider that everything outside goes to
	state string
	sent  []letter
}

const (
	machineEtc   = "/etc/postfix"
	machineQueue = "/var/spool/postfix"
	machineLog   = "/var/log/mail.log"
	mailboxes    = "/var/mail/vhosts/"
)

// letter is a mail that Postfix promised to deliver.
type letter struct{ token, to, when string }

func newMachine(t *testing.T) *machine {
	t.Helper()
	needRoom(t)
	m := &machine{state: rig.OpenDir(t)}
	m.furnish(t)
	m.configure(t)
	var err error
	if m.sink, err = rig.StartSink("127.0.0.1:2525"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.sink.Close() })
	startScanner(t)
	startMilter(t, machineQueue+"/opendkim/opendkim.sock", marker{})
	m.start(t)
	return m
}

// furnish covers what belongs to the machine with directories of the room, until the test ends.
func (m *machine) furnish(t *testing.T) {
	t.Helper()
	for _, dir := range []string{machineEtc, machineQueue, "/var/lib/postfix", "/var/log", "/var/mail", "/run/systemd"} {
		if _, err := os.Stat(dir); err != nil {
			if dir == "/run/systemd" { // no systemd here, that would restart a Postfix which is not ours
				continue
			}
			t.Fatalf("cover %s: %v", dir, err)
		}
		own, err := rig.NewDir(filepath.Base(dir))
		if err != nil {
			t.Fatal(err)
		}
		if dir == machineEtc { // beside the two files: what the package ships
			do(t, "cp", "-a", machineEtc+"/.", own)
		}
		if err := unix.Mount(own, dir, "", unix.MS_BIND, ""); err != nil {
			t.Fatalf("cover %s: %v", dir, err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				t.Errorf("uncover %s: %v", dir, err)
			}
		})
	}
}

// configure lays the configuration, of all kinds of entries: a directory, a key only root reads, a symbolic link.
func (m *machine) configure(t *testing.T) {
	t.Helper()
	for _, name := range []string{mainCF, masterCF} {
		rig.WriteFile(t, filepath.Join(machineEtc, name), []byte(rig.ReadFile(t, "testdata/16-machine/"+name)), 0o644)
	}
	age(t, machineEtc)
	if n := strings.Count(rig.ReadFile(t, machineEtc+"/main.cf"), "\n"); n < 60 {
		t.Fatalf("main.cf has %d lines", n)
	}
	for name, text := range map[string]string{
		"vmailbox": "anna@example.org example.org/anna/\nbert@club.example club.example/bert/\n",
		"virtual":  "office@example.org anna@example.org\n", "senders": "anna@example.org anna\n@club.example bert\n",
	} {
		rig.WriteFile(t, filepath.Join(machineEtc, name), []byte(text), 0o644)
		do(t, "postmap", "hash:"+filepath.Join(machineEtc, name))
	}
	if err := os.Symlink("virtual", machineEtc+"/aliases"); err != nil {
		t.Fatal(err)
	}
	certificate(t, machineEtc+"/tls/mail.pem", machineEtc+"/tls/mail.key")
	owner, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(owner.Uid)
	mkdir(t, mailboxes)
	mkdir(t, machineQueue+"/opendkim")
	if err := errors.Join(os.Chown("/var/lib/postfix", uid, -1), os.Chown(mailboxes, 5000, 5000)); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) start(t *testing.T) {
	t.Helper()
	do(t, "postfix", "check") // makes the queue's directories
	(&private{etc: m.state + "/etc", queue: machineQueue}).dovecot(t)
	do(t, "postfix", "start")
	t.Cleanup(func() {
		do(t, "postfix", "stop")
		if t.Failed() {
			t.Log(rig.ReadFile(t, machineLog))
		}
	})
}

func do(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, errs, err := postfix.Tool(context.Background(), name, args...); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func certificate(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mail.example.org"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, about, about, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	rig.WriteFile(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
	rig.WriteFile(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
}

// body is what must arrive as it was sent: a leading dot, trailing blanks, eight bits.
const body = "Liebe Anna,\r\n.\r\n..zwei Punkte, blanks  \r\n\tTäglich grüßt das Gerät\r\n"

func text(token, from, to string) []byte {
	return []byte("From: " + from + "\r\nTo: " + to + "\r\nSubject: " + token + "\r\nX-Token: " + token +
		"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + body)
}

// ways are how mail comes in: each sends one mail and returns Postfix's answer.
func ways() map[string]func(token string) (to string, err error) {
	return map[string]func(token string) (string, error){
		"25 from outside": func(token string) (string, error) {
			return "anna@example.org", deliver(nil, "", "25", "carla@example.com", "anna@example.org", token)
		},
		"587 with STARTTLS": func(token string) (string, error) {
			return "carla@example.com", deliver(nil, "anna", "587", "anna@example.org", "carla@example.com", token)
		},
		"465": func(token string) (string, error) {
			return "bert@club.example", deliver(&tls.Config{InsecureSkipVerify: true}, "anna", "465", "anna@example.org", "bert@club.example", token)
		},
		"sendmail": func(token string) (string, error) {
			cmd := exec.Command("/usr/sbin/sendmail", "-i", "-f", "root@example.org", "office@example.org")
			cmd.Stdin = bytes.NewReader(text(token, "root@example.org", "office@example.org"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				return "", fmt.Errorf("sendmail: %w: %s", err, out)
			}
			return "anna@example.org", nil
		},
	}
}

// deliver is one SMTP session; wrapped is not nil where TLS begins at once.
func deliver(wrapped *tls.Config, login, port, from, to, token string) error {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(rig.Outside, port), 10*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if wrapped != nil {
		conn = tls.Client(conn, wrapped)
	}
	c, err := smtp.NewClient(conn, "mail.example.org")
	if err != nil {
		return err
	}
	if err := c.Hello("client.example.net"); err != nil {
		return err
	}
	if ok, _ := c.Extension("XCLIENT"); ok {
		return errors.New("XCLIENT is offered")
	}
	if login != "" && wrapped == nil {
		if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
			return err
		}
	}
	if login != "" {
		if err := c.Auth(smtp.PlainAuth("", login, "geheim", "mail.example.org")); err != nil {
			return err
		}
	}
	if err := errors.Join(c.Mail(from), c.Rcpt(to)); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text(token, from, to)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

// mail sends one mail each way. refused names the ways that must answer 4xx; what is not refused counts as sent.
func (m *machine) mail(t *testing.T, when string, refused ...string) {
	t.Helper()
	for name, send := range ways() {
		token := rig.NewToken()
		to, err := send(token)
		if slices.Contains(refused, name) {
			// 451 from the milter, or 454 at STARTTLS, which Postfix says then.
			var reply *textproto.Error
			if !errors.As(err, &reply) || reply.Code/100 != 4 {
				t.Errorf("%s, %s: want a 4xx, got %v", when, name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s, %s: %v", when, name, err)
			continue
		}
		m.sent = append(m.sent, letter{token, to, when + ", " + name})
	}
}

// copies returns what has arrived of a mail, in the mailbox or at the provider.
func (m *machine) copies(l letter) (all [][]byte) {
	local, domain, _ := strings.Cut(l.to, "@")
	files, _ := filepath.Glob(mailboxes + domain + "/" + local + "/new/*")
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil {
			all = append(all, b)
		}
	}
	for _, d := range m.sink.Deliveries() {
		all = append(all, bytes.ReplaceAll(d.Head, []byte("\r\n"), []byte("\n")))
	}
	mine := all[:0]
	for _, b := range all {
		if bytes.Contains(b, []byte("\nX-Token: "+l.token+"\n")) {
			mine = append(mine, b)
		}
	}
	return mine
}

// arrived waits for every mail that was promised and looks whether it is unharmed: once, the same octets, marked
// by the operator's milter and by his content filter.
func (m *machine) arrived(t *testing.T, patience time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, l := range m.sent {
		if err := rig.Wait(ctx, l.when+" for "+l.to, func() error {
			if n := len(m.copies(l)); n != 1 {
				return fmt.Errorf("%d copies have arrived", n)
			}
			return nil
		}); err != nil {
			t.Error(err)
			continue
		}
		head, got, _ := bytes.Cut(m.copies(l)[0], []byte("\n\n"))
		if want := strings.ReplaceAll(body, "\r\n", "\n"); string(got) != want {
			t.Errorf("%s: the body is %q, was %q", l.when, got, want)
		}
		for _, field := range []string{"\nX-Marked: yes", "X-Scanned: yes"} {
			if bytes.Count(head, []byte(field)) != 1 {
				t.Errorf("%s: not %q once:\n%s", l.when, field, head)
			}
		}
	}
}

// pack is a witness that is not ours: the sha256 of what tar makes of everything in a directory.
func pack(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", `cd "$1" && ls -A | tar -c --sort=name --numeric-owner -T - | sha256sum`, "sh", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestTheMachinesPostfixWorksBeforeDuringAndAfter(t *testing.T) {
	m := newMachine(t)
	m.mail(t, "before")
	m.arrived(t, 10*time.Second)
	before, packed := mustDigest(t, machineEtc), pack(t, machineEtc)

	h, err := Inspect(t.Context(), machineEtc)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(h, testSockets)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{StateDir: m.state, Now: time.Now(), Unheard: true, Say: func(s string) { t.Log(s) }}
	if _, err := plan.Apply(t.Context(), o); err != nil {
		t.Fatal(err)
	}

	// Nobody listens. Strangers' mail passes; whoever logs in keeps his mail and tries again; what sendmail took
	// waits in the queue. Nothing is lost, nothing leaves unjudged.
	m.mail(t, "attached, postward down", "587 with STARTTLS", "465")
	waiting := m.withhold("sendmail")
	m.arrived(t, 10*time.Second)
	if files, _ := filepath.Glob(machineQueue + "/maildrop/*"); len(files) != 1 || len(waiting) != 1 || len(m.copies(waiting[0])) != 0 {
		t.Errorf("sendmail's %v does not wait in maildrop: %v", waiting, files)
	}
	m.sent = append(m.sent, waiting...)

	seen := map[string]*tally{"inbound": {}, "submission": {}, "local": {}}
	for name, tally := range seen {
		startMilter(t, machineQueue+"/postward/"+name+".sock", counter{tally: tally})
	}
	m.mail(t, "attached, postward up")
	m.arrived(t, 10*time.Second)

	d, err := Detach(t.Context(), machineEtc, o)
	if err != nil {
		t.Fatal(err)
	}
	if after := mustDigest(t, machineEtc); after != before || !d.Identical {
		t.Errorf("sha256 %s, was %s, %+v", after, before, d)
	}
	if pack(t, machineEtc) != packed {
		t.Error("tar sees a difference in names, modes, owners, times or octets")
	}
	m.mail(t, "after")
	m.arrived(t, 10*time.Second)
	for name, want := range map[string]int{"inbound": 1, "submission": 2, "local": 2} {
		if got := seen[name].mails; got != want {
			t.Errorf("the %s socket saw %d mails, want %d: those while it was up, the one that waited, none that the scanner handed back", name, got, want)
		}
	}
}

// withhold takes the mails of one way out of those that must have arrived, and returns them.
func (m *machine) withhold(way string) (out []letter) {
	var rest []letter
	for _, l := range m.sent {
		if strings.HasSuffix(l.when, "postward down, "+way) {
			out = append(out, l)
		} else {
			rest = append(rest, l)
		}
	}
	m.sent = rest
	return out
}
