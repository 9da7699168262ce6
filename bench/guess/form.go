package main

import (
	"fmt"
	"time"
)

// form is how the programs of one distribution write what they tell of logins, and the syslog daemon its stamps. The sentences
// are those of real daemons; TestSentencesAreThoseOfRealDaemons holds Postfix's and Dovecot's auth against them.
type form struct {
	name  string
	what  string
	stamp func(b []byte, at time.Time) []byte
	// database is what Dovecot's auth says of a refused password; nil where auth_verbose is off, as Dovecot has it by default.
	database func(account, addr, session, method, why string) string
	// closed is the end of a mailbox session without a login; how is its word for it.
	closed func(how string, failed int, seconds int) string
	ends   []string
	opened string // Dovecot: somebody is in
	lost   string // smtpd: stands before the words for a connection that broke off
}

// Reasons of Dovecot's password databases.
const (
	mismatch = "Password mismatch"
	nobody   = "unknown user"
)

var forms = []*form{
	{name: "bookworm", what: "rsyslog's traditional stamps, Postfix 3.7, Dovecot 2.3 with auth_verbose", stamp: traditional,
		database: database23, closed: closed23, ends: ends23, opened: "Login"},
	{name: "trixie", what: "RFC 3339 stamps, Postfix 3.10, Dovecot 2.4", stamp: rfc3339, database: database24, closed: closed24, opened: "Logged in", lost: "NOQUEUE: ", ends: []string{"Connection closed"}},
	{name: "quiet", what: "as bookworm, and Dovecot's auth says nothing", stamp: traditional, closed: closed23, ends: ends23, opened: "Login"},
}

var ends23 = []string{"Connection closed", "Aborted login by logging out", "Connection closed"}

func traditional(b []byte, at time.Time) []byte {
	return append(at.AppendFormat(b, time.Stamp), " mx "...)
}

func rfc3339(b []byte, at time.Time) []byte {
	return append(at.AppendFormat(b, "2006-01-02T15:04:05.000000-07:00"), " mx "...)
}

func database23(account, addr, session, _, why string) string {
	if session != "" {
		addr += ",<" + session + ">"
	}
	return fmt.Sprintf("auth: passwd-file(%s,%s): %s", account, addr, why)
}

func database24(account, addr, session, method, why string) string {
	if session != "" {
		session = "<" + session + ">"
	}
	return fmt.Sprintf("auth(%s,%s,sasl:%s)%s: passwd-file: %s", account, addr, method, session, why)
}

func closed23(how string, failed, seconds int) string {
	if failed == 0 {
		return fmt.Sprintf("Disconnected: %s (no auth attempts in %d secs)", how, seconds)
	}
	return fmt.Sprintf("Disconnected: %s (auth failed, %d attempts in %d secs)", how, failed, seconds)
}

func closed24(how string, failed, seconds int) string {
	if failed == 0 {
		return fmt.Sprintf("Login aborted: %s (no auth attempts in %d secs) (no_auth_attempts)", how, seconds)
	}
	return fmt.Sprintf("Login aborted: %s (auth failed, %d attempts in %d secs) (auth_failed)", how, failed, seconds)
}
