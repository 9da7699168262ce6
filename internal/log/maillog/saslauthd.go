package maillog

import "bytes"

// pamFailure: "pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=u rhost=A  user=u"
// from the PAM library inside saslauthd or Dovecot. What the user is called is a stranger's text.
func pamFailure(l *Line, s scan) Kind {
	if !s.lit("pam_unix(") {
		return Other
	}
	if _, ok := s.take(host); !ok || !s.lit("): ") {
		return Doubtful
	}
	if s.lit("check pass; user unknown") {
		return sure(Noted, s.end())
	}
	if !s.lit("authentication failure; ") {
		return Other
	}
	const user, from = " ruser=", " rhost="
	i, j := bytes.Index(s.rest, []byte(user)), bytes.Index(s.rest, []byte(from))
	if i < 0 || j < i || bytes.Count(s.rest, []byte(from)) > 1 || bytes.Count(s.rest, []byte(user)) > 1 {
		return Doubtful
	}
	l.Database = l.Text[:len("pam_unix")]
	if i += len(user); i < j {
		l.SASLUsername = s.rest[i:j]
	}
	s.rest = s.rest[j+len(from):]
	if addr, ok := s.take(host); ok {
		l.Client.Addr = addr
	}
	if s.lit("  user=") || s.lit(" user=") {
		if name := s.all(); l.SASLUsername == nil {
			l.SASLUsername = name
		}
	}
	l.Reply = nil
	return sure(PasswordRefused, len(bytes.TrimSpace(s.rest)) == 0)
}

// saslauthd: "do_auth         : auth failure: [user=u] [service=smtp] [realm=r] [mech=pam] [reason=PAM auth error]".
// User and realm are a stranger's: where they imitate a field, they stay nil.
func saslauthd(l *Line, s scan) Kind {
	if s.lit("pam_unix(") {
		return pamFailure(l, scan{l.Text})
	}
	_, ok := s.take(word)
	s.rest = bytes.TrimLeft(s.rest, " ")
	if !ok || !s.byte(':') {
		return Other
	}
	if !s.lit(" auth failure: [user=") {
		return Noted
	}
	const service, realm, mech, reason = "] [service=", "] [realm=", "] [mech=", "] [reason="
	b := s.rest
	for _, mark := range [...]string{service, realm, mech, reason} {
		if bytes.Count(b, []byte(mark)) != 1 {
			return LoginFailed
		}
	}
	at := [...]int{bytes.Index(b, []byte(service)), bytes.Index(b, []byte(realm)), bytes.Index(b, []byte(mech)), bytes.Index(b, []byte(reason))}
	if at[0] > at[1] || at[1] > at[2] || at[2] > at[3] || b[len(b)-1] != ']' {
		return LoginFailed
	}
	l.SASLUsername = b[:at[0]]
	l.Realm = b[at[1]+len(realm) : at[2]]
	l.Database = b[at[2]+len(mech) : at[3]]
	l.Reply = b[at[3]+len(reason) : len(b)-1]
	return LoginFailed
}
