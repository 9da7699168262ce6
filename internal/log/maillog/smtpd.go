package maillog

import "bytes"

// smtpd: connections, "ID: client=…", and what tables and milters decided.
func smtpd(l *Line, s scan) Kind {
	switch {
	case s.lit("connect from "):
		return sure(Connect, s.peer(&l.Client) && s.end())
	case s.lit("disconnect from "):
		return disconnect(l, s)
	case s.lit("NOQUEUE: "), s.queued(l):
		if s.lit("client=") {
			return client(l, s)
		}
		if s.lit("abort: TLS from ") {
			return tlsFailed(l, s, &l.Client)
		}
		if kind := ruling(l, s); kind != Other {
			return kind
		}
		return session(l, s) // Postfix 3.10 and newer say of which mail
	case s.lit("proxy-accept: "):
		l.Action = l.Text[:len("proxy-accept")]
		return proxyAccepted(l, s)
	case s.lit("proxy-reject: "):
		l.Action = l.Text[:len("proxy-reject")]
		return proxied(l, s)
	}
	return session(l, s)
}

// disconnect: "host[addr]", since Postfix 3.0 with the counts of commands, all ours.
func disconnect(l *Line, s scan) Kind {
	if !s.peer(&l.Client) {
		return Doubtful
	}
	if s.byte(' ') {
		l.Commands = s.rest
		for !s.end() {
			if !s.tally() {
				return Doubtful
			}
		}
	}
	return sure(Disconnect, s.end())
}

// tally takes "name=accepted" or "name=accepted/all", and the space before the next.
func (s *scan) tally() bool {
	if _, ok := s.take(word); !ok || !s.byte('=') {
		return false
	}
	if _, ok := s.take(digits); !ok {
		return false
	}
	if s.byte('/') {
		if _, ok := s.take(digits); !ok {
			return false
		}
	}
	return s.end() || s.byte(' ') && !s.end()
}

// Command returns how often a command was accepted in a session and how often it was given, from Disconnect's
// counts: "auth=0/1" is 0 and 1, "rcpt=2" is 2 and 2. A command that is not there was not given. Postfix before 3.0
// does not count.
func (l *Line) Command(name string) (accepted, all int64) {
	s := scan{l.Commands}
	for !s.end() {
		if s.lit(name) && s.byte('=') {
			accepted, _ = s.number()
			all = accepted
			if s.byte('/') {
				all, _ = s.number()
			}
			return accepted, all
		}
		n := bytes.IndexByte(s.rest, ' ')
		if n < 0 {
			break
		}
		s.rest = s.rest[n+1:]
	}
	return 0, 0
}

// client: "client=host[addr], sasl_method=PLAIN, sasl_username=u, sasl_sender=s" or "client=host[addr],
// orig_queue_id=ID, orig_client=host[addr]". User name and sender are free text up to the end of the line; when the name
// holds a field's name, the line is Doubtful.
func client(l *Line, s scan) Kind {
	if !s.peer(&l.Client) {
		return Doubtful
	}
	if s.lit(", sasl_method=") {
		return sure(Client, s.sasl(l))
	}
	if s.lit(", sasl_username=") {
		return sure(Client, s.username(l))
	}
	var ok bool
	if s.lit(", orig_queue_id=") {
		if l.OtherID, ok = s.queueID(); !ok {
			return Doubtful
		}
	}
	if s.lit(", orig_client=") && !s.peer(&l.Origin) {
		return Doubtful
	}
	return sure(Client, s.end())
}

func (s *scan) sasl(l *Line) bool {
	var ok bool
	if l.SASLMethod, ok = s.take(word); !ok {
		return false
	}
	if s.end() {
		return true
	}
	return s.lit(", sasl_username=") && s.username(l)
}

// username takes the name and what follows it. Any account may say MAIL FROM's AUTH= as it likes, and must not be able to
// make its own line Doubtful by that: the name is what stands left of the first sasl_sender=. That the name itself holds
// these letters is not thought of: the login succeeded, so the auth server knows it, and no stranger chose it.
func (s *scan) username(l *Line) bool {
	name, sender, _ := bytes.Cut(s.all(), []byte(", sasl_sender="))
	l.SASLUsername = name
	if !hasField(sender) {
		l.SASLSender = sender
	}
	return len(name) > 0 && !hasField(name)
}

// hasField reports whether free text holds what could be a field of a client= line.
func hasField(b []byte) bool {
	return bytes.Contains(b, []byte(", sasl_")) || bytes.Contains(b, []byte(", orig_"))
}
