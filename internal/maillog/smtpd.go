package maillog

import "bytes"

// smtpd: connections, "ID: client=…", and what milters decided. Its other lines (rejects, warnings) are Other.
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
		return milter(l, s)
	}
	return Other
}

// disconnect: "host[addr]", since Postfix 3.0 with the counts of commands, all ours.
func disconnect(l *Line, s scan) Kind {
	if !s.peer(&l.Client) {
		return Doubtful
	}
	if s.byte(' ') {
		l.Commands = s.all()
	}
	return sure(Disconnect, s.end())
}

// client: "client=host[addr], sasl_method=PLAIN, sasl_username=u, sasl_sender=s" or "client=host[addr],
// orig_queue_id=ID, orig_client=host[addr]". User name and sender are free text up to the end of the line; when they
// hold a field's name, the line is Doubtful.
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

func (s *scan) username(l *Line) bool {
	l.SASLUsername = s.all()
	if i := bytes.Index(l.SASLUsername, []byte(", sasl_sender=")); i >= 0 {
		l.SASLSender = l.SASLUsername[i+len(", sasl_sender="):]
		l.SASLUsername = l.SASLUsername[:i]
	}
	return len(l.SASLUsername) > 0 && !hasField(l.SASLUsername) && !hasField(l.SASLSender)
}

// hasField reports whether free text holds what could be a field of a client= line.
func hasField(b []byte) bool {
	return bytes.Contains(b, []byte(", sasl_")) || bytes.Contains(b, []byte(", orig_"))
}

// cleanup: the Message-ID, milters, and recipients that it bounces itself.
func cleanup(l *Line, s scan) Kind {
	if !s.queued(l) {
		return Other
	}
	switch {
	case s.lit("message-id="):
		l.MessageID = s.all()
		return MessageID
	case s.lit("to=<"):
		return delivery(l, s)
	}
	return milter(l, s)
}
