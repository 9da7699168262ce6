package maillog

import "bytes"

// relay: smtp(8) and lmtp(8), the clients: deliveries, and on the way to them hosts that refuse or cannot be reached.
func relay(l *Line, s scan) Kind {
	if s.lit("connect to ") {
		ok := s.peer(&l.Relay) && s.lit(": ")
		l.Reply = s.all()
		return sure(ConnectFailed, ok)
	}
	if s.queued(l) && s.lit("to=<") {
		return delivery(l, s)
	}
	switch {
	case s.lit("host "):
		return relaySaid(l, s)
	case s.lit("lost connection with "):
		return relayLost(l, s, " while ")
	case s.lit("conversation with "):
		return relayLost(l, s, " timed out while ")
	case s.lit("enabling PIX workarounds: "):
		n := bytes.LastIndex(s.rest, []byte(" for "))
		s.rest = s.rest[n+1:]
		return sure(Noted, s.lit("for ") && s.peer(&l.Relay) && s.end())
	case s.lit("SASL authentication failed"), s.lit("SASL [CACHED] authentication failed"):
		l.Reply = l.Text[len(l.Text)-len(s.rest):]
		l.Reply = bytes.TrimLeft(l.Reply, ";: ")
		return AuthTrouble
	case s.lit("TLS is required, but "), s.lit("Server certificate not "):
		l.Reply = s.rest
		return TLSFailed
	}
	return tls(l, s, &l.Relay)
}

// relaySaid: "host PEER said: reply (in reply to RCPT TO command)" and "host PEER refused to talk to me: reply". The
// reply is a stranger's, so the command at the end is believed only if it stands there once.
func relaySaid(l *Line, s scan) Kind {
	if !s.peer(&l.Relay) || !s.lit(" said: ") && !s.lit(" refused to talk to me: ") {
		return Doubtful
	}
	l.Reply = s.all()
	const in, command = " (in reply to ", " command)"
	i := bytes.Index(l.Reply, []byte(in))
	if i >= 0 && bytes.Count(l.Reply, []byte(in)) == 1 && bytes.HasSuffix(l.Reply, []byte(command)) {
		l.Stage = l.Reply[i+len(in) : max(i+len(in), len(l.Reply)-len(command))]
		l.Reply = l.Reply[:i]
	}
	return RelaySaid
}

// relayLost: "lost connection with PEER while sending RCPT TO".
func relayLost(l *Line, s scan, while string) Kind {
	if !s.peer(&l.Relay) || !s.lit(while) {
		return Doubtful
	}
	l.Stage = s.all()
	return RelayLost
}
