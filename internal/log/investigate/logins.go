package investigate

import (
	"time"

	"postward/internal/log/maillog"
)

// Bounds of what is remembered of logins.
const (
	maxNames    = 20_000
	maxSessions = 20_000
)

// logins are those that failed.
type logins struct {
	names    map[string]int              // failures, by the name that was tried: it may be an account that sends later
	sessions map[maillog.Process]session // of smtpd, as far as they tell of logins
	mailbox  map[string]int              // refusals that were counted, by Dovecot's session, which has not ended yet
	refused  map[string]refusal          // by client: what a password database refused, and the server that asked it has not told of yet
}

// session is what one of smtpd told of logins before its end.
type session struct {
	told bool // of each that failed, in a line of its own
	lost bool // the client went away within one
}

// refusal is how often a database refused a client's password, and when last.
type refusal struct {
	database string
	session  string
	times    int
	last     time.Time
}

// delay is how long after a database the others tell of the same failure: PAM waits some seconds after each.
const delay = 10 * time.Second

func newLogins() logins {
	return logins{names: map[string]int{}, sessions: map[maillog.Process]session{}, mailbox: map[string]int{}, refused: map[string]refusal{}}
}

// of returns how often a login failed under a name.
func (s *logins) of(name string) int { return s.names[name] }

// tried counts failures under a name. A guesser tries many: when there is no room, those that were tried least are forgotten.
func (s *logins) tried(name string, times int) {
	if name == "" {
		return
	}
	for least := 1; len(s.names) >= maxNames && s.names[name] == 0; least *= 2 {
		for n, times := range s.names {
			if times <= least {
				delete(s.names, n)
			}
		}
	}
	s.names[name] += times
}

// note keeps what a session told.
func (s *logins) note(l *maillog.Line, told, lost bool) {
	if l.PID == 0 {
		return
	}
	if len(s.sessions) >= maxSessions {
		clear(s.sessions)
	}
	x := s.sessions[l.Process()]
	s.sessions[l.Process()] = session{x.told || told, x.lost || lost}
}

// over ends a session, and returns what it told.
func (s *logins) over(l *maillog.Line) session {
	p := l.Process()
	x := s.sessions[p]
	delete(s.sessions, p)
	return x
}

// login takes a line that may tell of logins that failed, or of one that did not.
func (i *Investigation) login(l *maillog.Line, at time.Time) {
	times := int(max(l.Times, 1))
	switch l.Kind {
	case maillog.LoginFailed:
		i.logins.note(l, true, false)
		i.wrong(l, times-i.logins.known(l, times, at), at)
	case maillog.LoginUnchecked: // not if the database did tell
		i.logins.note(l, true, false)
		i.report.Unchecked += times - i.logins.known(l, times, at)
	case maillog.LoginUnasked, maillog.LoginAborted:
		i.logins.note(l, true, false)
	case maillog.MailboxLoginFailed:
		times *= int(max(l.Count, 1))
		i.wrong(l, times-i.logins.toldBefore(l, times, at), at)
	case maillog.PasswordRefused:
		if i.logins.refuse(l, at) {
			i.wrong(l, times, at)
		}
	case maillog.MailboxLogin, maillog.Client:
		i.gotIn(l, at)
	default:
		i.smtpSession(l, at)
	}
}

// smtpSession takes the beginning and the end of a session. Where no line tells of a login that failed (the client is not allowed
// to try), the end of the session does, and the session counts once. Who went away within a login was not refused.
func (i *Investigation) smtpSession(l *maillog.Line, at time.Time) {
	switch l.Kind {
	case maillog.Connect:
		i.logins.over(l)
	case maillog.Lost:
		if string(l.Stage) == "AUTH" {
			i.logins.note(l, false, true)
		}
	case maillog.Disconnect:
		x := i.logins.over(l)
		accepted, all := l.Command("auth")
		if failed := all - accepted; failed > 1 || failed == 1 && !x.lost {
			if !x.told {
				i.wrong(l, 1, at)
			}
		}
	}
}

// again takes the line that stands for several that were like the one before.
func (i *Investigation) again(times int64, at time.Time) {
	if len(i.before) == 0 {
		return
	}
	var l maillog.Line
	maillog.Parse(i.before, &l)
	l.Times = times
	i.login(&l, at)
}

// remember keeps a line that tells of a login that failed, for it may be repeated.
func (i *Investigation) remember(text []byte) {
	i.before = i.before[:0]
	switch i.line.Kind {
	case maillog.LoginFailed, maillog.LoginUnchecked, maillog.MailboxLoginFailed, maillog.PasswordRefused:
		i.before = append(i.before, text...)
	}
}

// toldBefore returns how many of the failures that the end of one of Dovecot's sessions tells of were counted already: those of
// the session, however long ago, or where no session is told, those of the client.
func (s *logins) toldBefore(l *maillog.Line, times int, at time.Time) int {
	known := s.known(l, times, at)
	n, is := s.mailbox[string(l.Session)]
	if len(l.Session) == 0 || !is {
		return known
	}
	delete(s.mailbox, string(l.Session))
	return n
}

// refuse notes what a database refused, and reports whether it is another failure: PAM's own line and that of Dovecot, which asked
// it, are of one.
func (s *logins) refuse(l *maillog.Line, at time.Time) bool {
	client := string(l.Client.Addr)
	if len(l.Session) > 0 {
		if len(s.mailbox) >= maxSessions {
			clear(s.mailbox)
		}
		s.mailbox[string(l.Session)]++
	}
	r := s.refused[client]
	other := r.session != "" && len(l.Session) > 0 && r.session != string(l.Session)
	if r.times > 0 && r.database != string(l.Database) && !other && at.Sub(r.last) <= delay {
		return false
	}
	if len(s.refused) >= maxSessions {
		clear(s.refused)
	}
	s.refused[client] = refusal{string(l.Database), string(l.Session), r.times + 1, at}
	return true
}

// known returns how many of the failures that a line tells of a database has told of already.
func (s *logins) known(l *maillog.Line, times int, at time.Time) int {
	client := string(l.Client.Addr)
	r, is := s.refused[client]
	if !is {
		return 0
	}
	if at.Sub(r.last) > delay {
		delete(s.refused, client)
		return 0
	}
	n := min(r.times, times)
	if r.times -= n; r.times == 0 {
		delete(s.refused, client)
	} else {
		s.refused[client] = r
	}
	return n
}
