package maillog

import "bytes"

// Thrown reports whether a delivery that is logged as sent got to nobody: discard(8) took the mail, or a file that keeps
// nothing. What a filter of ours says is for those who know that it is ours: see SaysThrown.
func (l *Line) Thrown() bool {
	if l.Status != StatusSent {
		return false
	}
	switch string(l.Program[bytes.LastIndexByte(l.Program, '/')+1:]) {
	case "discard":
		return true
	case "local":
		return string(l.Reply) == "delivered to file: /dev/null"
	}
	return false
}

// SaysThrown reports whether the words with which somebody took a mail say that nobody gets it: amavis' "250 2.7.0 Ok, discarded,
// id=…", its "BOUNCE", and what others say. A filter that handed the mail back names the queue ID.
func (l *Line) SaysThrown() bool {
	if l.Status != StatusSent || bytes.Contains(l.Reply, []byte("queued as ")) {
		return false
	}
	if bytes.HasPrefix(l.DSN, []byte("2.7.")) { // security: RFC 3463 section 3.8
		return true
	}
	said := l.Reply
	if address := bytes.IndexByte(said, '<'); address >= 0 { // may be called anything
		said = said[:address]
	}
	for _, word := range [...]string{"discarded", "Discarded", "DISCARD", "dropped", "Dropped", "quarantined", "Quarantined", "blackhole", "thrown away", " BOUNCE"} {
		if bytes.Contains(said, []byte(word)) {
			return true
		}
	}
	return false
}
