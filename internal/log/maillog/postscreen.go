package maillog

import "bytes"

// postscreen: what it thinks of a client, "WORDS [address]:port words". All words before the first bracket are its
// own; what the client said comes last. tlsproxy says when it is connected and when not.
func postscreen(l *Line, s scan) Kind {
	switch {
	case s.lit("NOQUEUE: reject: "):
		l.Action = l.Text[len("NOQUEUE: "):len("NOQUEUE: reject")]
		return screenReject(l, s)
	case s.lit("reject: connect from "):
		l.Action, l.Stage = l.Text[:len("reject")], l.Text[len("reject: "):len("reject: connect")]
		ok := s.bare(&l.Client) && s.lit(": ")
		l.Reply = s.all()
		return sure(Reject, ok)
	case s.lit("cache "):
		return cacheCleanup(l, s)
	case s.lit("TLS handshake failed for service="):
		_, ok := s.take(tag)
		return sure(TLSFailed, ok && s.lit(" peer=") && s.bare(&l.Client) && s.end())
	case s.lit("entering STRESS mode with "), s.lit("leaving STRESS mode with "):
		l.Action = l.Text[:len(l.Text)-len(s.rest)-len(" with ")]
		var ok bool
		l.Count, ok = s.number()
		return sure(Statistics, ok && s.lit(" connections") && s.end())
	}
	bracket := bytes.IndexByte(s.rest, '[')
	if bracket < 0 {
		return tls(l, s, &l.Client)
	}
	head := scan{s.rest[:bracket]}
	s.rest = s.rest[bracket:]
	if kind := screened(l, head, s); kind != Other {
		return kind
	}
	return tls(l, scan{l.Text}, &l.Client)
}

// screened reads one sentence, cut at the client's bracket.
func screened(l *Line, head, s scan) Kind {
	switch string(head.rest) {
	case "CONNECT from ":
		ok := s.bare(&l.Client) && (s.end() || s.lit(" to ") && s.bare(&l.Local))
		return sure(ScreenConnect, ok && s.end())
	case "CONNECT to ":
		return sure(ScreenConnect, s.bare(&l.Relay) && s.end())
	case "PASS NEW ", "PASS OLD ":
		return simple(l, head, s, ScreenPass)
	case "DISCONNECT ":
		return simple(l, head, s, ScreenDisconnect)
	case "WHITELISTED ", "BLACKLISTED ", "ALLOWLISTED ", "DENYLISTED ", "WHITELIST VETO ", "BLACKLIST VETO ",
		"ALLOWLIST VETO ", "DENYLIST VETO ":
		return simple(l, head, s, ScreenListed)
	case "ENFORCE ", "DROP ", "UNPASS ", "UNFAIL ":
		return simple(l, head, s, Screened)
	case "":
		var client Peer
		if s.bare(&client) && (s.lit(": discarding EHLO keywords: ") || s.lit(": replacing command ")) {
			return Noted
		}
		return Other
	}
	return screenTest(l, head, s)
}

// simple: words and a client, nothing else.
func simple(l *Line, head, s scan, kind Kind) Kind {
	l.Action = bytes.TrimSuffix(head.rest, []byte(" "))
	return sure(kind, s.bare(&l.Client) && s.end())
}

// screenTest: a test's result. The numbers stand before the bracket, the client's text behind it.
func screenTest(l *Line, head, s scan) Kind {
	var ok bool
	words := head.rest
	switch {
	case head.lit("PREGREET "):
		if l.Count, ok = head.number(); !ok || !head.lit(" after ") {
			return Doubtful
		}
		l.Delay, ok = head.take(decimals)
		ok = ok && head.lit(" from ") && head.end() && s.bare(&l.Client) && s.colon()
		l.Reply = s.all()
		return sure(Pregreet, ok)
	case head.lit("DNSBL rank "):
		l.Count, ok = head.number()
		return sure(DNSBLRank, ok && head.lit(" for ") && head.end() && s.bare(&l.Client) && s.end())
	case head.lit("HANGUP after "):
		l.Delay, ok = head.take(decimals)
		ok = ok && head.lit(" from ") && head.end() && s.bare(&l.Client) && s.lit(" in ")
		l.Stage = s.all()
		return sure(Hangup, ok)
	case head.lit("SKIP "):
		return simple(l, scan{words}, s, Screened)
	case bytes.HasSuffix(words, []byte(" from ")):
		l.Action = words[:len(words)-len(" from ")]
		return screenViolation(l, s)
	}
	return Other
}

func screenViolation(l *Line, s scan) Kind {
	switch string(l.Action) {
	case "COMMAND TIME LIMIT", "COMMAND COUNT LIMIT", "COMMAND LENGTH LIMIT", "COMMAND PIPELINING", "BARE NEWLINE",
		"NON-SMTP COMMAND", "DATA without valid RCPT", "BDAT without valid RCPT":
	default:
		l.Action = nil
		return Other
	}
	if !s.bare(&l.Client) {
		return Doubtful
	}
	if s.end() {
		return Violation
	}
	// Behind some commands stand the client's words, in BARE NEWLINE without a colon.
	if !s.lit(" after ") {
		return Doubtful
	}
	if stage := s.rest; s.byte('.') {
		l.Stage = stage[:1]
	} else if command, ok := s.take(word); ok && (s.end() || s.byte(' ') || s.lit(": ")) {
		l.Stage = command
	} else { // no command at all: "\026\003\001"
		s.rest = stage
	}
	if !s.end() {
		_ = s.lit(": ") || s.byte(' ')
		l.Reply = s.all()
	}
	return Violation
}

// screenReject: "RCPT from [addr]:port: 550 5.7.1 text; from=<a>, to=<b>, proto=SMTP, helo=<c>", and "CONNECT from
// [addr]:port: too many connections".
func screenReject(l *Line, s scan) Kind {
	var ok bool
	if l.Stage, ok = s.take(word); !ok || !s.lit(" from ") || !s.bare(&l.Client) || !s.lit(": ") {
		return Doubtful
	}
	l.Reply = s.all()
	l.context(", ")
	l.replyCode()
	return Reject
}

// dnsblog: "addr A listed by domain D as 127.0.0.2".
func dnsblog(l *Line, s scan) Kind {
	var ok bool
	if !s.lit("addr ") {
		return Other
	}
	if l.Client.Addr, ok = s.take(host); !ok || !s.lit(" listed by domain ") {
		return Doubtful
	}
	if l.Relay.Name, ok = s.take(host); !ok || !s.lit(" as ") {
		return Doubtful
	}
	l.Reply, ok = s.take(host)
	return sure(Listed, ok && s.end())
}
