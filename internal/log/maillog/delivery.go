package maillog

import "bytes"

// agent is any program that delivers: it says one thing about a mail.
func agent(l *Line, s scan) Kind {
	if !s.queued(l) || !s.lit("to=<") {
		return Other
	}
	return delivery(l, s)
}

// delivery reads log_adhoc's sentence behind "to=<":
//
//	a@b>, orig_to=<c>, relay=host[addr]:port, conn_use=2, delay=1.5, delays=0.1/0/1/0.4, dsn=2.0.0, status=sent (250 ok)
//
// orig_to, conn_use and tls are not always there; delays and dsn are not there before Postfix 2.3.
func delivery(l *Line, s scan) Kind {
	var ok bool
	if l.To, ok = s.address(); !ok {
		return Doubtful
	}
	if s.lit(", orig_to=<") {
		if l.OrigTo, ok = s.address(); !ok {
			return Doubtful
		}
	}
	if !s.lit(", relay=") || !s.relay(&l.Relay) || !s.delays(l) {
		return Doubtful
	}
	if !s.lit(", status=") {
		return Doubtful
	}
	status, ok := s.take(word)
	if !ok || !s.lit(" (") {
		return Doubtful
	}
	l.Status = statusOf(status)
	l.Reply = bytes.TrimSuffix(s.all(), []byte(")"))
	return sure(Delivery, !readsOn(l.Reply))
}

// readsOn reports whether a reply holds the end of this sentence once more. Then an unquoted address (Postfix before 3.5)
// could have imitated all that was read, and the true fields are still to come. A reply that only holds words of it is a reply.
func readsOn(reply []byte) bool {
	for {
		_, rest, found := bytes.Cut(reply, []byte(">, relay="))
		if !found {
			return false
		}
		var other Line
		s := scan{rest}
		if s.relay(&other.Relay) && s.delays(&other) && s.lit(", status=") {
			if _, ok := s.take(word); ok && s.lit(" (") {
				return true
			}
		}
		reply = rest
	}
}

// relay reads host[addr]:port, or a bare word for what is no host: none, local, a pipe's name.
func (s *scan) relay(p *Peer) bool {
	var ok bool
	if p.Name, ok = s.take(host); !ok {
		return false
	}
	if !s.byte('[') {
		return true
	}
	if p.Addr, ok = s.take(host); !ok || !s.byte(']') {
		return false
	}
	return s.port(p)
}

// delays reads the numbers between the relay and the status.
func (s *scan) delays(l *Line) bool {
	var ok bool
	if s.lit(", conn_use=") {
		if l.ConnUse, ok = s.number(); !ok {
			return false
		}
	}
	if !s.lit(", delay=") {
		return false
	}
	if l.Delay, ok = s.take(decimals); !ok {
		return false
	}
	if s.lit(", delays=") {
		if l.Delays, ok = s.take(slashed); !ok {
			return false
		}
	}
	if s.lit(", tls=") && !s.tls(l) {
		return false
	}
	if s.lit(", dsn=") {
		l.DSN, ok = s.enhanced()
	}
	return ok
}

// tls takes the summary of Postfix 3.11 ("dane", "!sts:x(…)"): words and signs, no space, no comma.
func (s *scan) tls(l *Line) bool {
	n := bytes.IndexAny(s.rest, ", ")
	if n <= 0 {
		return false
	}
	l.TLS, s.rest = s.rest[:n], s.rest[n:]
	return true
}
