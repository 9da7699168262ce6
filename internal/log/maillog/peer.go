package maillog

// peer reads name[address] and, if there, :port. Neither can hold a space or a bracket: Postfix takes names from
// DNS only when they are host names, else it writes "unknown".
func (s *scan) peer(p *Peer) bool {
	var ok bool
	if p.Name, ok = s.take(host); !ok || !s.byte('[') {
		return false
	}
	if p.Addr, ok = s.take(host); !ok || !s.byte(']') {
		return false
	}
	return s.port(p)
}

func (s *scan) port(p *Peer) bool {
	// ": " after a peer is the sentence's colon, not the port's.
	if len(s.rest) < 2 || s.rest[0] != ':' || classes[s.rest[1]]&digits == 0 {
		return true
	}
	s.rest = s.rest[1:]
	p.Port, _ = s.take(digits)
	return true
}

// bare reads [address]:port, as postscreen names a client.
func (s *scan) bare(p *Peer) bool {
	var ok bool
	if !s.byte('[') {
		return false
	}
	if p.Addr, ok = s.take(host); !ok || !s.byte(']') {
		return false
	}
	return s.port(p)
}

// isAddr reports whether b is written like an IP address (RFC 4291 section 2.2), or "unknown" as anvil says.
func isAddr(b []byte) bool {
	points, colons := 0, 0
	for _, c := range b {
		switch {
		case c == '.':
			points++
		case c == ':':
			colons++
		case classes[c]&digits == 0 && (c|0x20 < 'a' || c|0x20 > 'f'):
			return string(b) == "unknown"
		}
	}
	return len(b) > 0 && (colons == 0 && points == 3 || colons >= 2 && (points == 0 || points == 3))
}

// anyPeer is a peer with or without a name.
func (s *scan) anyPeer(p *Peer) bool {
	if len(s.rest) > 0 && s.rest[0] == '[' {
		return s.bare(p)
	}
	return s.peer(p)
}
