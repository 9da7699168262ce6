package maillog

import "bytes"

// refusedUser: Dovecot 2.4's auth and auth-worker, when a database said no:
//
//	auth(anna@example.org,192.0.2.1,sasl:plain)<session>: passwd-file: Password mismatch (given password: x)
//	auth-worker(anna@example.org,192.0.2.1)<4711><session>: request [3]: sql: unknown user
//	auth-worker(anna@example.org,192.0.2.1)<4711><session>: request [3]: Info: sql: unknown user	in Dovecot's own file
//
// What stands between the brackets begins with the user, a stranger's text. It ends where the rest is as above; if there is
// another such place, in the name or in the password, the line is Doubtful. Reply never has the password, nor what stands
// behind "username: ".
func refusedUser(l *Line, s scan) Kind {
	if !s.lit("auth(") && !s.lit("auth-worker(") {
		return Other
	}
	if !s.userSubject(l) {
		return Other
	}
	if again, other := s, (Line{}); again.userSubject(&other) {
		return Doubtful
	}
	s.request()
	debug := bytes.HasPrefix(s.rest, []byte("Debug: "))
	if kind := s.level(l); kind != Noted {
		return kind
	}
	l.Reply = nil
	s.request()
	kind := refusedBy(l, s)
	if kind == Other && debug {
		return Noted // as in refused
	}
	return kind
}

// refusedBy reads "database: verdict"; since Dovecot 2.4.5 also "sasl(plain): verdict", and of a name that is none no database.
func refusedBy(l *Line, s scan) Kind {
	if bytes.HasPrefix(s.rest, []byte(disallowed)) {
		l.SASLUsername, l.Reply = nil, public(s.rest)
		return PasswordRefused
	}
	var ok bool
	if l.Database, ok = s.take(word); ok && s.byte('(') {
		_, ok = s.take(word)
		ok = ok && s.byte(')')
	}
	if ok = ok && s.lit(": "); ok && (nextAsked(s.rest) || nothingAsked(s.rest)) {
		return Noted
	}
	if !ok || !verdict(s.rest) {
		*l = Line{Stamp: l.Stamp, Host: l.Host, Program: l.Program, PID: l.PID, Text: l.Text, Times: l.Times}
		if ok && homeless(s.rest) {
			l.Reply = s.rest
			return Failure
		}
		return Other
	}
	if string(l.SASLUsername) == "?" {
		l.SASLUsername = nil
	}
	l.Reply = public(s.rest)
	return PasswordRefused
}

// public is what may be shown of a verdict.
func public(verdict []byte) []byte {
	for _, secret := range [...]string{"(given password", "(SHA1 of given password", "(username: "} {
		if i := bytes.Index(verdict, []byte(secret)); i >= 0 {
			verdict = verdict[:i]
		}
	}
	return bytes.TrimRight(verdict, " ")
}

// userSubject reads "user,address,sasl:mech)<pid><session>: " behind the bracket. Address, mechanism and what is in angle
// brackets may be missing, but not both of the first.
func (s *scan) userSubject(l *Line) bool {
	b := s.rest
	for i := 0; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], ',')
		if n < 0 {
			return false
		}
		i += n
		rest, client := scan{b[i+1:]}, Line{}
		if rest.subjectEnd(&client) {
			l.SASLUsername, l.Client, l.SASLMethod, l.Session = b[:i], client.Client, client.SASLMethod, client.Session
			*s = rest
			return true
		}
	}
	return false
}

// subjectEnd reads what stands behind the user's comma.
func (s *scan) subjectEnd(l *Line) bool {
	whole := *s
	addr, ok := s.take(host)
	if ok = ok && isAddr(addr); ok {
		l.Client.Addr = addr
	} else {
		*s = whole
	}
	if ok && s.byte(',') || !ok {
		if !s.lit("sasl:") {
			return false
		}
		if l.SASLMethod, ok = s.take(word); !ok {
			return false
		}
	}
	if !s.byte(')') {
		return false
	}
	for s.byte('<') {
		if l.Session, ok = s.bracketed(); !ok {
			return false
		}
		if digitsOnly := (scan{l.Session}); len(l.Session) > 0 {
			if _, number := digitsOnly.take(digits); number && digitsOnly.end() {
				l.Session = nil
			}
		}
	}
	return s.lit(": ")
}
