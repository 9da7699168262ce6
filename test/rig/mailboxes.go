package rig

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// Mailboxes are lines of the configuration of a Dovecot that serves IMAP and POP3 at two ports, with an empty mailbox for
// each login. A *Lacking when this machine has not what that needs.
func Mailboxes(imap, pop3 int) (string, error) {
	version, err := DovecotVersion()
	if err != nil {
		return "", err
	}
	for _, program := range []string{"imap-login", "pop3-login"} {
		if _, err := os.Stat("/usr/lib/dovecot/" + program); err != nil {
			return "", &Lacking{"Dovecot's " + program}
		}
	}
	dir, err := NewDir("mailboxes")
	if err != nil {
		return "", err
	}
	listener := func(service string, port int) string {
		return fmt.Sprintf("service %[1]s-login {\n  inet_listener %[1]s {\n    port = %[2]d\n  }\n  inet_listener %[1]ss {\n    port = 0\n  }\n}\n", service, port)
	}
	stored := "userdb static {\n  fields {\n    uid = 65534\n    gid = 65534\n    home = " + dir + "/%{user}\n  }\n}\nmail_driver = maildir\nmail_path = ~/Maildir\n"
	if Dovecot23(version) {
		stored = "userdb {\n  driver = static\n  args = uid=65534 gid=65534 home=" + dir + "/%u\n}\nmail_location = maildir:~/Maildir\n"
	}
	return "protocols = imap pop3\n" + listener("imap", imap) + listener("pop3", pop3) + stored + "first_valid_uid = 1\n", os.Chown(dir, Nobody, Nobody)
}

// TestMailboxes is [Mailboxes] for a test. Where this machine lacks what that needs the test is skipped; in CI it fails.
func TestMailboxes(t testing.TB, imap, pop3 int) string {
	t.Helper()
	lines, err := Mailboxes(imap, pop3)
	if lack := (*Lacking)(nil); errors.As(err, &lack) && os.Getenv("CI") != "true" {
		t.Skip(lack)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// TestIMAP are such lines for IMAP alone, at a free port.
func TestIMAP(t testing.TB) (lines string, port int) {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return TestMailboxes(t, port, 0), port
}
