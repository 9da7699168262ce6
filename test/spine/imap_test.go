//go:build daemons

package spine_test

import (
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// mailbox is an IMAP session with Dovecot.
type mailbox struct {
	*textproto.Conn
	tags int
}

// ask says a command, and returns the line that ends its answer.
func (m *mailbox) ask(t *testing.T, command string) string {
	t.Helper()
	m.tags++
	tag := fmt.Sprintf("a%d ", m.tags)
	if err := m.PrintfLine("%s%s", tag, command); err != nil {
		t.Fatal(err)
	}
	for {
		line, err := m.ReadLine()
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		if rest, is := strings.CutPrefix(line, tag); is {
			return rest
		}
	}
}

// reads opens a session as a webmail in front of Dovecot does, which says for whom (RFC 2971), and returns the answer to its login.
func reads(t *testing.T, port int, client, account, password string) (*mailbox, string) {
	t.Helper()
	c, err := textproto.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.ReadLine(); err != nil {
		t.Fatal(err)
	}
	m := &mailbox{Conn: c}
	m.ask(t, fmt.Sprintf(`ID ("x-originating-ip" "%s" "x-originating-port" "40000")`, client))
	return m, m.ask(t, fmt.Sprintf(`LOGIN %s "%s"`, account, password))
}

// ends waits for the end of a session.
func (m *mailbox) ends(t *testing.T) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, m.R); ended <- err }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the session goes on")
	}
}

// withMailboxes is a locking field whose mail can be read by IMAP, and the port.
func withMailboxes(t *testing.T) (*field, int) {
	t.Helper()
	lines, imap := rig.TestIMAP(t)
	return locking(t, lines, "login_trusted_networks = 127.0.0.0/8"), imap
}

// TestTheThiefsOpenSessionIsEndedAndTheOwnerReadsOn: the account is stopped while the thief reads its mail. Where its owner wrote from for
// a month, to several people, he logs in again at once.
func TestTheThiefsOpenSessionIsEndedAndTheOwnerReadsOn(t *testing.T) {
	f, imap := withMailboxes(t)
	var month old
	for day := 30; day > 0; day-- {
		month.mail(day, "alarm", hotel, []string{"bob@example.com", "carl@example.com", "dora@example.com"}[day%3], "", "")
	}
	f.do(t, "account", "allow", "alarm")
	f.do(t, "account", "learn", month.file(t))
	thief, said := reads(t, imap, stranger, "alarm", users["alarm"])
	if !strings.HasPrefix(said, "OK") {
		t.Fatalf("the thief, before he sends: %s", said)
	}
	if said := thief.ask(t, "SELECT INBOX"); !strings.HasPrefix(said, "OK") {
		t.Errorf("he reads: %s", said)
	}
	sent := f.stopped(t, "alarm")
	thief.ends(t)
	if _, said := reads(t, imap, stranger, "alarm", users["alarm"]); !strings.HasPrefix(said, "NO") || !strings.Contains(said, "was stopped") {
		t.Errorf("the thief again: %s", said)
	}
	owner, said := reads(t, imap, hotel, "alarm", users["alarm"])
	if !strings.HasPrefix(said, "OK") {
		t.Errorf("the owner: %s", said)
	}
	if said := owner.ask(t, "NOOP"); !strings.HasPrefix(said, "OK") {
		t.Errorf("the owner reads: %s", said)
	}
	f.do(t, "account", "lock", "alarm")
	owner.ends(t)
	if _, said := reads(t, imap, hotel, "alarm", users["alarm"]); !strings.HasPrefix(said, "NO") || !strings.Contains(said, "is locked") {
		t.Errorf("the owner of a locked account: %s", said)
	}
	f.account(t, sent)
}

// TestWhilePostwardIsDownDovecotLetsInWhoHasThePassword: also who would be refused, and nobody else, without a wait; and postward is
// asked again when it is back.
func TestWhilePostwardIsDownDovecotLetsInWhoHasThePassword(t *testing.T) {
	f := locking(t)
	f.do(t, "account", "allow", "anna")
	f.do(t, "account", "lock", "anna")
	if in, said := f.logsIn("imap", hotel, "anna", users["anna"]); in || !strings.Contains(said, "is locked") {
		t.Fatalf("a locked account: %v %s", in, said)
	}
	if err := f.Postward.Stop(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if in, said := f.logsIn("imap", hotel, "anna", users["anna"]); !in {
		t.Errorf("without postward: %s", said)
	}
	if in, _ := f.logsIn("imap", hotel, "anna", "wrong"); in {
		t.Error("without postward a wrong password is taken")
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("two logins took %s", took)
	}
	if err := f.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	f.wait(t, "postward to be asked again", func() error {
		if in, said := f.logsIn("imap", hotel, "anna", users["anna"]); in {
			return fmt.Errorf("a locked account is let in: %s", said)
		}
		return nil
	})
}
