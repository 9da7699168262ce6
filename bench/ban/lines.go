package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// suspect is the so-manieth address whose ban is timed: each in a network of its own (RFC 2544), or its neighbours would be banned with
// it.
func suspect(n int) netip.Addr { return netip.AddrFrom4([4]byte{198, byte(18 + n>>8), byte(n), 7}) }

// crowd is the so-manieth of many, far from those.
func crowd(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(20 + n>>16), byte(n >> 8), byte(n), 7})
}

// stamped is a line as rsyslog writes it, at this moment.
func stamped(format string, args ...any) string {
	return time.Now().Format("2006-01-02T15:04:05.000000-07:00") + " mx " + fmt.Sprintf(format, args...) + "\n"
}

// write writes a line as a syslog daemon does: at once, by itself.
func (s *setting) write(line string) error {
	_, err := s.log.WriteString(line)
	return err
}

// fails writes what the log says of a login that fails, and returns when the line that tells of it was about to be written. The even
// ones come by Postfix, the odd ones by Dovecot.
func (s *setting) fails(n int) (time.Time, error) {
	a, name := suspect(n), fmt.Sprintf("user%d", n)
	if s.pid++; n%2 == 1 {
		line := stamped("dovecot: imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<%s>, method=PLAIN, rip=%s, lip=192.0.2.1, TLS, session=<s%d>", name, a, s.pid)
		at := time.Now()
		return at, s.write(line)
	}
	if err := s.write(stamped("postfix/submission/smtpd[%d]: connect from unknown[%s]", s.pid, a)); err != nil {
		return time.Time{}, err
	}
	line := stamped("postfix/submission/smtpd[%d]: warning: unknown[%s]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=%s", s.pid, a, name)
	at := time.Now()
	return at, s.write(line)
}

// leaves ends the session of a suspect, if it has one.
func (s *setting) leaves(n int) error {
	if n%2 == 1 {
		return nil
	}
	return s.write(stamped("postfix/submission/smtpd[%d]: disconnect from unknown[%s] ehlo=1 auth=0/1 quit=1 commands=2/3", s.pid, suspect(n)))
}

// tryNobody is what the log says of those of a crowd who try a name that every guesser brings along, one line each.
func tryNobody(from, to int) string {
	var all strings.Builder
	for n := from; n < to; n++ {
		all.WriteString(stamped("postfix/submission/smtpd[%d]: warning: unknown[%s]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=alarm", 2000+n, crowd(n)))
	}
	return all.String()
}
