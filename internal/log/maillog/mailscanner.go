package maillog

import "bytes"

// mailScanner: MailScanner takes mail out of the hold queue, and puts it into the queue again under another ID, or not. It
// names a mail by its queue ID and letters of its own:
//
//	Requeue: A7C40B20000.A1F3C to 5E9177D0000
//	Spam Actions: message A7C40B20000.A1F3C actions are store,notify
//
// Its other words are not thought of: Unknown.
func mailScanner(l *Line, s scan) Kind {
	switch {
	case s.lit("Requeue: "):
		if !s.scanned(l) || !s.lit(" to ") {
			return Doubtful
		}
		var ok bool
		l.OtherID, ok = s.queueID()
		return sure(HandedOn, ok && s.end())
	case s.lit("Spam Actions: message "), s.lit("High Spam Actions: message "), s.lit("Non-Spam Actions: message "):
		if !s.scanned(l) || !s.lit(" actions are ") {
			return Doubtful
		}
		l.Action = s.all()
		return sure(acts(l.Action), len(l.Action) > 0)
	}
	return Unknown
}

// scanned reads "ID.LETTERS".
func (s *scan) scanned(l *Line) bool {
	var ok bool
	if l.QueueID, ok = s.queueID(); !ok {
		return false
	}
	if s.byte('.') {
		_, ok = s.take(word)
	}
	return ok
}

// acts says whether anybody gets a mail with which MailScanner does this.
func acts(actions []byte) Kind {
	for _, word := range [...]string{"deliver", "forward"} {
		if bytes.Contains(actions, []byte(word)) {
			return Noted
		}
	}
	return ThrownAway
}
