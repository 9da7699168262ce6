package delivery

import (
	"bytes"
	"net/netip"
	"time"

	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// session is what an smtpd process is doing: it has one client at a time, and one mail of it.
type session struct {
	key     string // of the mail that it began last
	mail    *Mail
	pending maillog.Kind // what a table said before the mail had a queue ID, at its first recipient: Hold, Discard
	from    string       // its reverse-path
	why     maillog.Line // that line's words, copied; see because
	login   login        // who is logged in, in front of a filter before the queue (smtpd_proxy_filter)
}

// login is who hands in mail in a session that has no queue ID: it gets one behind the filter.
type login struct {
	account, host, name string
	client              netip.Addr
}

// place is where a login comes from, as the filter's other side tells it.
func (n *login) place() string { return n.host + " " + n.client.String() }

// sessionOf returns what a process is doing.
func (t *Tracker) sessionOf(l *maillog.Line) *session {
	s := t.sessions[l.Process()]
	if s == nil {
		if len(t.sessions) >= MaxOpen {
			clear(t.sessions)
			clear(t.logins)
		}
		s = &session{}
		t.sessions[l.Process()] = s
	}
	return s
}

// session takes a line about the session of a process.
func (t *Tracker) session(l *maillog.Line, at time.Time) {
	if l.PID == 0 { // a log that does not tell one process from another
		return
	}
	switch l.Kind {
	case maillog.Connect, maillog.Disconnect:
		s := t.sessionOf(l)
		t.abandon(s, false, at)
		t.loggedOut(s)
		delete(t.sessions, l.Process())
	case maillog.Client:
		t.loggedIn(l)
	case maillog.ProxyAccepted:
		t.proxyAccepted(l)
	case maillog.Reject, maillog.MilterReject:
		t.refusal(l, at)
	case maillog.Lost:
		t.abandon(t.sessionOf(l), string(l.Stage) == "DATA" || string(l.Stage) == "BDAT", at)
	case maillog.Hold, maillog.MilterHold, maillog.Discard, maillog.MilterDiscard:
		s := t.sessionOf(l)
		s.pending, s.from = l.Kind, text(l.From)
		s.why = maillog.Line{Kind: l.Kind, Action: bytes.Clone(l.Action), Reply: bytes.Clone(l.Reply), Rule: bytes.Clone(l.Rule), To: bytes.Clone(l.To)}
	}
}

// refusal takes what was refused before it had a queue ID.
func (t *Tracker) refusal(l *maillog.Line, at time.Time) {
	if t.refused == nil {
		return
	}
	m := &Mail{IDs: []string{NoQueue}, Account: message.Account(text(l.SASLUsername)), Client: address(l.Client.Addr), HostName: text(l.Client.Name),
		From: text(l.From), Arrived: at, Ended: at, End: Refused, Begun: true}
	if s := t.sessions[l.Process()]; s != nil && m.Account == "" {
		m.Account = s.login.account
	}
	m.because(l)
	t.refused(m)
}

// transaction notes which mail a process begins. The one before it is over.
func (t *Tracker) transaction(key string, m *Mail, l *maillog.Line, at time.Time) {
	if l.Kind != maillog.Client {
		return
	}
	e := m.entry(key)
	e.handed, e.client = true, address(l.Client.Addr)
	if l.PID == 0 {
		return
	}
	s := t.sessionOf(l)
	t.abandon(s, false, at)
	if s.pending != maillog.Unknown && m.From == "" {
		m.From = s.from
	}
	switch s.pending {
	case maillog.Hold, maillog.MilterHold:
		m.because(&s.why)
		m.hold(key, true)
	case maillog.Discard, maillog.MilterDiscard:
		m.because(&s.why)
		t.end(key, m, Discarded, at)
	}
	*s = session{key: key, mail: m, login: s.login}
}

// abandon ends the last mail of a process, if it cannot have been queued: cleanup(8) logs a Message-ID of each, even
// of one that has none. If the client was lost amid the message, the Message-ID may have been logged already.
func (t *Tracker) abandon(s *session, amid bool, at time.Time) {
	m := s.mail
	s.mail = nil
	if m == nil || t.open[s.key] != m {
		return
	}
	if e := m.entry(s.key); !e.left && !e.sent && (amid || !e.told) {
		t.end(s.key, m, Abandoned, at)
	}
}
