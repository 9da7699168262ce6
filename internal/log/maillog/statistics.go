package maillog

import "bytes"

// statistics: what anvil, scache and caches count.
func statistics(l *Line, s scan) Kind {
	switch {
	case s.lit("cache "):
		return cacheCleanup(l, s)
	case s.lit("statistics: max simultaneous domains="):
		l.Action = l.Text[len("statistics: "):len("statistics: max simultaneous")]
		_, ok := s.number()
		ok = ok && s.lit(" addresses=")
		_, addresses := s.number()
		ok = ok && addresses && s.lit(" connection=")
		var connections bool
		l.Count, connections = s.number()
		return sure(Statistics, ok && connections && s.end())
	case s.lit("statistics: start interval "):
		l.Action = l.Text[len("statistics: "):len("statistics: start interval")]
		return sure(Statistics, len(s.rest) == len("Nov 23 17:29:01"))
	case s.lit("statistics: max "):
		return anvil(l, s)
	case s.lit("statistics: "):
		return scache(l, s)
	}
	return Other
}

// anvil: "max connection rate 1/60s for (smtpd:192.0.2.1) at Nov 23 17:29:01", "max cache size 1 at …".
func anvil(l *Line, s scan) Kind {
	n := bytes.IndexAny(s.rest, "0123456789")
	if n < 1 || s.rest[n-1] != ' ' {
		return Doubtful
	}
	l.Action, s.rest = l.Text[len("statistics: "):len(l.Text)-len(s.rest)+n-1], s.rest[n:]
	var ok bool
	if l.Count, ok = s.number(); !ok {
		return Doubtful
	}
	if s.byte('/') {
		if _, ok = s.take(word); !ok {
			return Doubtful
		}
	}
	if s.lit(" for (") {
		n := bytes.IndexByte(s.rest, ')')
		if n < 0 || !l.served(s.rest[:n]) {
			return Doubtful
		}
		s.rest = s.rest[n+1:]
	}
	return sure(Statistics, s.lit(" at ") && len(s.rest) >= len("Nov 3 17:29:01") && len(s.rest) <= len("Nov 23 17:29:01"))
}

// served splits "smtpd:192.0.2.1", "127.0.0.1:2525:127.0.0.1" and "smtpd:2001:db8::1": the first colon behind which an
// address stands.
func (l *Line) served(b []byte) bool {
	for i, c := range b {
		if c == ':' && i > 0 && isAddr(b[i+1:]) {
			l.Local.Name, l.Client.Addr = b[:i], b[i+1:]
			return true
		}
	}
	return false
}

// scache: "domain lookup hits=0 miss=1 success=0%".
func scache(l *Line, s scan) Kind {
	if !s.lit("domain lookup ") && !s.lit("address lookup ") {
		return Other
	}
	l.Action = l.Text[len("statistics: ") : len(l.Text)-len(s.rest)-1]
	var hits, misses bool
	hits = s.lit("hits=")
	l.Count, misses = s.number()
	hits = hits && misses && s.lit(" miss=")
	l.Against, misses = s.number()
	return sure(Statistics, hits && misses && s.lit(" success="))
}

// cacheCleanup: "cache btree:/var/lib/postfix/verify_cache full cleanup: retained=724 dropped=6 entries".
func cacheCleanup(l *Line, s scan) Kind {
	n := bytes.IndexByte(s.rest, ' ')
	if n < 0 {
		return Doubtful
	}
	s.rest = s.rest[n+1:]
	l.Action = s.rest
	if !s.lit("full cleanup") && !s.lit("partial cleanup") {
		return Doubtful
	}
	l.Action = l.Action[:len(l.Action)-len(s.rest)]
	var retained, dropped bool
	ok := s.lit(": retained=")
	l.Count, retained = s.number()
	ok = ok && retained && s.lit(" dropped=")
	l.Against, dropped = s.number()
	return sure(Statistics, ok && dropped && s.lit(" entries") && s.end())
}

// summary: postsuper's "Placed on hold: 67 messages".
func summary(l *Line, s scan) Kind {
	n := bytes.IndexByte(s.rest, ':')
	if n < 0 {
		return Other
	}
	switch string(s.rest[:n]) {
	case "Requeued", "Deleted", "Force-expired", "Placed on hold", "Released from hold", "Renamed to match inode number":
	default:
		return Other
	}
	l.Action, s.rest = s.rest[:n], s.rest[n:]
	ok := s.lit(": ")
	var number bool
	l.Count, number = s.number()
	return sure(Statistics, ok && number && (s.lit(" messages") || s.lit(" message")) && s.end())
}

// lifecycle: master and postfix-script start, reload and stop.
func lifecycle(l *Line, s scan) Kind {
	switch {
	case s.lit("daemon started"), s.lit("reload"), s.lit("terminating on signal"),
		s.lit("starting the Postfix mail system"), s.lit("stopping the Postfix mail system"),
		s.lit("refreshing the Postfix mail system"), s.lit("the Postfix mail system is running"),
		s.lit("the Postfix mail system is not running"), s.lit("waiting for the Postfix mail system to terminate"),
		s.lit("aborting the Postfix mail system"):
		l.Action = l.Text[:len(l.Text)-len(s.rest)]
		l.Reply = bytes.TrimLeft(s.rest, " -:")
		return Lifecycle
	}
	return Other
}
