package maillog

import "bytes"

// warning tells the warnings that mean something to us from all others. Reply is set already.
func warning(l *Line, s scan) Kind {
	whole := s
	if s.peer(&l.Client) && s.lit(": SASL ") {
		return saslWarning(l, s)
	}
	s, l.Client = whole, Peer{}
	for _, read := range [...]func(*Line, scan) Kind{clientName, rateLimit, clientText, queueTrouble} {
		if k := read(l, s); k != Other {
			return k
		}
	}
	switch {
	case s.lit("milter "), s.lit("connect to Milter service "), s.lit("Milter service "):
		return MilterTrouble
	case s.lit("SASL: "), s.lit("SASL authentication "), s.lit("SASL per-"), s.lit("xsasl_"):
		return AuthTrouble
	case s.table():
		return TableTrouble
	}
	return Warning
}

// saslWarning: "PEER: SASL LOGIN authentication failed: reason, sasl_username=name" (the name since Postfix 3.4), or
// "aborted". The method is the client's word as well as the name: where either imitates the sentence, both stay nil.
// That a login failed, and from where, is sure.
func saslWarning(l *Line, s scan) Kind {
	var ok bool
	const failed, username = " authentication failed", ", sasl_username="
	if bytes.Count(s.rest, []byte(failed+":")) > 1 || bytes.Count(s.rest, []byte(username)) > 1 {
		return LoginFailed
	}
	if l.SASLMethod, ok = s.take(word); !ok {
		l.SASLMethod = nil
		return sure(LoginFailed, bytes.Contains(s.rest, []byte(failed+":")))
	}
	if s.lit(" authentication aborted") || s.lit(" authentication cancelled") {
		l.Reply = nil
		return sure(LoginAborted, s.end())
	}
	if !s.lit(failed) || !s.colon() {
		l.SASLMethod = nil
		return sure(LoginFailed, bytes.Contains(s.rest, []byte(failed+":")))
	}
	l.Reply = s.all()
	if i := bytes.Index(l.Reply, []byte(username)); i >= 0 {
		l.SASLUsername = l.Reply[i+len(username):]
		l.Reply = l.Reply[:i]
		if string(l.SASLUsername) == "(unavailable)" {
			l.SASLUsername = nil
		}
	}
	kind := checked(l.Reply)
	if kind == LoginUnasked { // the name is that of a try before
		l.SASLUsername = nil
	}
	return kind
}

// checked says what kind of failure a reason is of: that of Dovecot's or Cyrus' client in Postfix (xsasl_dovecot_server.c,
// xsasl_cyrus_strerror), or what the server said.
func checked(reason []byte) Kind {
	for _, words := range [...]string{"Connection lost to authentication server", "Can't connect to authentication server", "Temporary ",
		"temporary ", "Internal authentication failure", "internal ", "Internal ", "generic failure", "remote authentication server unavailable",
		"authentication server unavailable", "Authentication server", "authentication service", "Authentication service", "no memory available", "out of memory", "transient failure", "cannot connect to saslauthd"} {
		if bytes.HasPrefix(reason, []byte(words)) {
			return LoginUnchecked
		}
	}
	for _, words := range [...]string{"Invalid authentication mechanism", "Unsupported authentication mechanism", "no mechanism available", "Invalid base64 data", "malformed ",
		"bad protocol", "encryption needed", "authentication cancelled", "authentication aborted", "Unencrypted authentication"} {
		if bytes.HasPrefix(reason, []byte(words)) {
			return LoginUnasked
		}
	}
	return LoginFailed
}

// clientName: "hostname NAME does not resolve to address ADDR[: reason]"; before Postfix 2.8 "ADDR: hostname NAME
// verification failed: reason" and "ADDR: address not listed for hostname NAME".
func clientName(l *Line, s scan) Kind {
	var name, addr []byte
	var ok bool
	if s.lit("hostname ") {
		if name, ok = s.take(host); !ok || !s.lit(" does not resolve to address ") {
			return Warning
		}
		if addr, ok = s.take(host); !ok {
			return Warning
		}
		addr = bytes.TrimSuffix(addr, []byte(":"))
	} else {
		if addr, ok = s.take(host); !ok || !bytes.HasSuffix(addr, []byte(":")) || !isAddr(addr[:len(addr)-1]) {
			return Other
		}
		addr = addr[:len(addr)-1]
		listed := s.lit(" address not listed for hostname ")
		if !listed && !s.lit(" hostname ") {
			return Other
		}
		if name, ok = s.take(host); !ok || !listed && !s.lit(" verification failed: ") {
			return Other
		}
	}
	l.Client, l.Reply = Peer{Name: name, Addr: addr}, nil
	return BadClientName
}

// rateLimit: "AUTH command rate limit exceeded: 11 from PEER for service submission".
func rateLimit(l *Line, s scan) Kind {
	const mark = " limit exceeded: "
	i := bytes.Index(s.rest, []byte(mark))
	if i < 0 {
		return Other
	}
	switch string(s.rest[:i]) {
	case "AUTH command rate", "Connection rate", "Connection concurrency", "Message delivery request rate",
		"Recipient address rate", "New TLS session rate":
	default:
		return Other
	}
	l.Action, s.rest = s.rest[:i], s.rest[i+len(mark):]
	var ok bool
	if l.Count, ok = s.number(); !ok || !s.lit(" from ") || !s.peer(&l.Client) || !s.lit(" for service ") {
		return Doubtful
	}
	l.Reply = nil
	l.Local.Name = s.all()
	return RateLimit
}

// clientText: what a client said and should not have.
func clientText(l *Line, s scan) Kind {
	var ok bool
	switch {
	case s.lit("Illegal address syntax from "):
		if !s.peer(&l.Client) || !s.lit(" in ") {
			return Doubtful
		}
		l.Stage, ok = s.take(word)
		ok = ok && s.lit(" command") && s.colon()
		l.Reply = s.all()
		return sure(BadSyntax, ok)
	case s.lit("non-SMTP command from "):
		l.Action = l.Reply[:len("non-SMTP command")]
		ok = s.peer(&l.Client) && s.colon()
		l.Reply = s.all()
		return sure(Violation, ok)
	}
	return Other
}

// queueTrouble: the queue cannot take a mail. The ID is only believed before the words that follow an ID.
func queueTrouble(l *Line, s scan) Kind {
	if s.lit("not enough free space in mail queue: ") || s.lit("mail_queue_enter: ") {
		return QueueTrouble
	}
	if !s.queued(l) {
		return Other
	}
	switch {
	case s.lit("queue file size limit exceeded"), s.lit("write queue file: "), s.lit("queue file write error"):
		return QueueTrouble
	case s.lit("message has been queued for "), s.lit("message not accepted, try again later"):
		return Warning
	}
	l.QueueID = nil
	return Other
}

// table reads the beginning of a warning about a lookup table: "dict_ldap_…: ", "hash:/etc/…", "proxy:mysql:…",
// "virtual_alias_domains lookup failure".
func (s *scan) table() bool {
	if s.lit("dict_") {
		return true
	}
	name, ok := s.take(word)
	if !ok {
		return false
	}
	if s.lit(" lookup failure") || s.lit(" map lookup problem") {
		return true
	}
	switch string(name) {
	case "btree", "cdb", "cidr", "dbm", "environ", "fail", "hash", "inline", "ldap", "lmdb", "memcache", "mongodb", "mysql",
		"netinfo", "nis", "nisplus", "pcre", "pgsql", "pipemap", "proxy", "randmap", "regexp", "sdbm", "socketmap",
		"sqlite", "static", "tcp", "texthash", "unionmap", "unix":
		// A stranger's domain of that name would be followed by a colon and a space.
		return s.byte(':') && len(s.rest) > 0 && s.rest[0] != ' '
	}
	return false
}
