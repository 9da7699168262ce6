package maillog

import "bytes"

// cleanup: the Message-ID, what header_checks, body_checks and milters did, and recipients that it bounces itself.
func cleanup(l *Line, s scan) Kind {
	if !s.queued(l) {
		return Other
	}
	switch {
	case s.lit("removed (canceled)"): // Postfix 3.10 and newer
		return sure(Canceled, s.end())
	case s.lit("removed (discarded)"): // the same; the line before it says by what
		return sure(Noted, s.end())
	case s.lit("message-id="):
		l.MessageID = s.all()
		return MessageID
	case s.lit("resent-message-id="):
		l.MessageID = s.all()
		return ResentMessageID
	case s.lit("to=<"):
		return delivery(l, s)
	}
	whole := s
	switch kind := s.action(l); {
	case kind == Other:
		l.Action = nil
		return Other
	case bytes.HasPrefix(l.Action, []byte("milter-")) && bytes.Count(l.Action, []byte("-")) == 1:
		return ruling(l, whole)
	default:
		return content(l, s, kind)
	}
}

// content reads what a table did with a part of a mail (cleanup_act_log):
//
//	header Subject: text from host[addr]; from=<a@b> to=<c@d> proto=ESMTP helo=<name>: the table's words
//
// The part of the mail is its sender's text, and all behind it is set only when it imitates none of that; else Reply
// is the whole rest.
func content(l *Line, s scan, kind Kind) Kind {
	var ok bool
	if l.Stage, ok = s.take(word); !ok || !s.byte(' ') {
		return Doubtful
	}
	l.Reply = s.all()
	at, n := marks(l.Reply)
	if n != 1 {
		return kind
	}
	after := scan{l.Reply[at+1:]}
	if !after.fields(l, " ") || !after.end() && !after.lit(": ") {
		l.unfield()
		return kind
	}
	const from = " from "
	origin := bytes.LastIndex(l.Reply[:at], []byte(from))
	if origin < 0 {
		l.unfield()
		return kind
	}
	o := scan{l.Reply[origin+len(from) : at]}
	if name := string(o.rest); name != "local" && name != "unknown" && (!o.peer(&l.Client) || !o.end()) {
		l.unfield()
		l.Client = Peer{}
		return kind
	}
	if !after.end() {
		l.Rule = after.all()
	}
	l.Reply = l.Reply[:origin]
	return kind
}
