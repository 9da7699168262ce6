package maillog

import "bytes"

// refused: Dovecot's auth and auth-worker, when a database said no:
//
//	conn unix:auth-worker (pid=1,uid=109): auth-worker<4>: sql(user,192.0.2.1,<session>): unknown user (given password: x)
//
// The user name is a stranger's and stands first. It ends at the first comma behind which an address and "): " stand;
// if there is another such place the line is Doubtful, since the password behind it is a stranger's too. That
// password is never part of Reply.
func refused(l *Line, s scan) Kind {
	debug := bytes.HasPrefix(s.rest, []byte("Debug: "))
	if kind := passwordRefused(l, s); kind != Other || !debug {
		return kind
	}
	return Noted // auth_debug: what it does, step by step; what comes of it is said by another line
}

func passwordRefused(l *Line, s scan) Kind {
	if s.lit("pam_unix(") {
		return pamFailure(l, scan{l.Text})
	}
	if aboutUser(s) {
		return refusedUser(l, s)
	}
	if kind := s.level(l); kind != Noted {
		return kind
	}
	if s.lit("conn unix:") {
		n := bytes.Index(s.rest, []byte("): auth-worker<"))
		if n < 0 {
			return Other
		}
		s.rest = s.rest[n+len("): auth-worker<"):]
		if _, ok := s.take(digits); !ok || !s.lit(">: ") {
			return Doubtful
		}
	}
	var ok bool
	if l.Database, ok = s.take(word); !ok || !s.byte('(') {
		l.Database = nil
		return Other
	}
	if !s.subject(l) {
		l.Database = nil
		return Other
	}
	forged := bytes.Contains(s.rest, []byte("): "))
	if nextAsked(s.rest) || nothingAsked(s.rest) {
		return sure(Noted, !forged)
	}
	if homeless(s.rest) {
		*l = Line{Stamp: l.Stamp, Host: l.Host, Program: l.Program, PID: l.PID, Text: l.Text, Times: l.Times, Reply: s.rest}
		return sure(Failure, !forged)
	}
	if !verdict(s.rest) {
		l.Database, l.SASLUsername, l.Client, l.Session = nil, nil, Peer{}, nil
		return Other
	}
	if string(l.SASLUsername) == "?" { // what Dovecot writes for none
		l.SASLUsername = nil
	}
	l.Reply = public(s.rest)
	return sure(PasswordRefused, !forged)
}

// subject reads "user,address,<session>): "; address and session may be missing.
func (s *scan) subject(l *Line) bool {
	b := s.rest
	for i := 0; i < len(b); i++ {
		rest := scan{b[i:]}
		var addr, session []byte
		ok := true
		if rest.byte(',') {
			if addr, ok = rest.take(host); ok {
				ok = isAddr(addr)
			}
			if ok && rest.lit(",<") {
				session, ok = rest.bracketed()
			} else if ok && rest.lit(",)") { // a session that is missing
				rest.rest = b[i+len(",")+len(addr)+len(","):]
			}
		}
		if ok && rest.lit("): ") {
			l.SASLUsername, l.Client.Addr, l.Session = b[:i], addr, session
			*s = rest
			return true
		}
		for i+1 < len(b) && b[i+1] != ',' && b[i+1] != ')' {
			i++
		}
		if i+1 == len(b) {
			return false
		}
	}
	return false
}

// nextAsked reports whether a database's no is not the last word: another one is asked.
func nextAsked(text []byte) bool {
	for _, words := range [...]string{"unknown user - trying the next ", "Password mismatch - trying the next ", "Password mismatch (continuing"} {
		if bytes.HasPrefix(text, []byte(words)) {
			return true
		}
	}
	return false
}

// nothingAsked reports whether what the client said was no password at all: no database was asked.
func nothingAsked(text []byte) bool {
	return bytes.HasPrefix(text, []byte("Invalid base64 data in "))
}

// homeless reports whether somebody's password was right, and the user database does not have him: the server's own trouble, which
// newer Dovecots call an error.
func homeless(text []byte) bool { return bytes.HasPrefix(text, []byte("user not found from ")) }

// disallowed is said of a name that nobody can have.
const disallowed = "Username character disallowed by "

// verdict reports whether a database's words mean that the login was refused.
func verdict(text []byte) bool {
	for _, words := range [...]string{"unknown user", "Unknown user", "Password mismatch", "password mismatch",
		"pam_authenticate() failed: ", "invalid credentials", "Invalid credentials", disallowed,
		"Authentication failure due to policy server refusal", "invalid input", "Password expired", "User is disabled",
		"Attempted login with password having illegal chars"} {
		if bytes.HasPrefix(text, []byte(words)) {
			return true
		}
	}
	return false
}
