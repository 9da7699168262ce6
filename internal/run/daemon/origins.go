package daemon

import (
	"postward/internal/guard"
	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// maxOrigins bounds the mails of which it is known where they are.
const maxOrigins = 100_000

// origin is the host and the instance of Postfix that a mail's own lines are of; an empty instance is not known.
type origin struct{ host, instance string }

// origins says where mails are, by their IDs. A log may be of several hosts or instances, and a queue ID is each one's own:
// another one's "removed" is not about our mail. Of a mail that is not in it (postward was started since) every line counts.
type origins map[string]origin

// learn notes where a mail is, from a line that has its reverse-path besides its queue ID.
func (h origins) learn(m *guard.Mail, l *maillog.Line) {
	if l.Kind != maillog.Active && l.Kind != maillog.MilterHold || m.ReversePath != message.Canonical(string(l.From)) {
		return
	}
	at := h[m.ID]
	if at.instance != "" || at.host != "" && l.Kind == maillog.MilterHold {
		return
	}
	if len(h) >= maxOrigins {
		clear(h)
	}
	h[m.ID] = origin{string(l.Host), instanceOf(l)}
}

// about reports whether a line can be about a mail with its queue ID.
func (h origins) about(m *guard.Mail, l *maillog.Line) bool {
	at, known := h[m.ID]
	if !known {
		return true
	}
	instance := instanceOf(l)
	return at.host == string(l.Host) && (at.instance == "" || instance == "" || at.instance == instance)
}

// instanceOf is the instance of Postfix that a line is of; empty when the line does not say so surely.
func instanceOf(l *maillog.Line) string {
	if name, sure := l.Instance(); sure {
		return string(name)
	}
	return ""
}
