package maillog

// tls: "Untrusted TLS connection established to PEER: TLSv1.3 with cipher X (256/256 bits) key-exchange …", and what
// is said when there is none. The peer is a client or a relay, whoever logs it. Behind "from PEER to " stands the name
// that the client asked for.
func tls(l *Line, s scan, peer *Peer) Kind {
	switch {
	case s.lit("Trusted "), s.lit("Untrusted "), s.lit("Anonymous "), s.lit("Verified "):
		return tlsUp(l, s, peer)
	case s.lit("SSL_accept error from "), s.lit("SSL_connect error to "), s.lit("certificate verification failed for "),
		s.lit("client certificate verification failed for "), s.lit("server certificate verification failed for "):
		return tlsFailed(l, s, peer)
	case s.lit("setting up TLS connection "), s.lit("initializing the "):
		return Noted
	case s.lit("TLS SNI "):
		return Noted
	case s.lit("Cannot start TLS: "):
		l.Reply = s.all()
		return TLSFailed
	}
	var certificate Peer
	if s.peer(&certificate) && (s.lit(": subject_CN=") || s.lit(": re-using session with untrusted certificate")) {
		return Noted
	}
	return Other
}

func tlsUp(l *Line, s scan, peer *Peer) Kind {
	l.Action = l.Text[:len(l.Text)-len(s.rest)-1]
	if !s.lit("TLS connection established ") && !s.lit("TLS connection reused ") {
		return Other
	}
	if !s.lit("from ") && !s.lit("to ") || !s.anyPeer(peer) {
		return Doubtful
	}
	if s.lit(" to ") {
		name := s.rest
		if _, ok := s.take(host); !ok {
			return Doubtful
		}
		if n := len(name) - len(s.rest); name[n-1] == ':' {
			s.rest = name[n-1:]
		}
	}
	var ok bool
	if !s.lit(": ") {
		return Doubtful
	}
	if l.Proto, ok = s.take(tag); !ok || !s.lit(" with cipher ") {
		return Doubtful
	}
	if l.Cipher, ok = s.take(word); !ok || !s.lit(" (") {
		return Doubtful
	}
	_, ok = s.take(slashed)
	return sure(TLSUp, ok && s.lit(" bits)") && (s.end() || s.byte(' ')))
}

func tlsFailed(l *Line, s scan, peer *Peer) Kind {
	ok := s.anyPeer(peer) && s.colon()
	l.Reply = s.all()
	return sure(TLSFailed, ok)
}
