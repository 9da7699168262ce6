package investigate

import (
	"net/netip"
	"time"

	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// Bounds of what is remembered of logins.
const (
	maxNames    = 20_000
	maxSessions = 20_000
)

// logins are those that failed.
type logins struct {
	names    map[string]int           // failures, by the name that was tried: it may be an account that sends later
	sessions map[maillog.Process]bool // sessions of which a failure was counted
	refused  map[string]refusal       // by client: what a password database refused, and the server that asked it has not told of yet
}

// refusal is how often a database refused a client's password, and when last.
type refusal struct {
	database string
	times    int
	last     time.Time
}

// delay is how long after a database the others tell of the same failure: PAM waits some seconds after each.
const delay = 10 * time.Second

func newLogins() logins {
	return logins{names: map[string]int{}, sessions: map[maillog.Process]bool{}, refused: map[string]refusal{}}
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

// told notes that a session's failure was counted.
func (s *logins) told(l *maillog.Line) {
	if l.PID == 0 {
		return
	}
	if len(s.sessions) >= maxSessions {
		clear(s.sessions)
	}
	s.sessions[l.Process()] = true
}

// over ends a session, and reports whether a failure of it was counted.
func (s *logins) over(l *maillog.Line) bool {
	p := l.Process()
	was := s.sessions[p]
	delete(s.sessions, p)
	return was
}

// login takes a line that may tell of failed logins. Where no warning tells (a client that is not allowed to try, or that
// gives up), the end of the session does, and the session counts once.
func (i *Investigation) login(l *maillog.Line, at time.Time) {
	switch l.Kind {
	case maillog.LoginFailed, maillog.MailboxLoginFailed:
		i.logins.told(l)
		i.wrong(l, int(max(l.Count, 1))-i.logins.known(l, at), at)
	case maillog.PasswordRefused:
		if i.logins.refuse(l, at) {
			i.wrong(l, 1, at)
		}
	case maillog.Connect:
		i.logins.over(l)
	case maillog.Disconnect:
		told := i.logins.over(l)
		if accepted, all := l.Command("auth"); all > accepted && !told {
			i.wrong(l, 1, at)
		}
	}
}

// refuse notes what a database refused, and reports whether it is another failure: PAM's own line and that of Dovecot, which asked
// it, are of one.
func (s *logins) refuse(l *maillog.Line, at time.Time) bool {
	client := string(l.Client.Addr)
	r := s.refused[client]
	if r.times > 0 && r.database != string(l.Database) && at.Sub(r.last) <= delay {
		return false
	}
	if len(s.refused) >= maxSessions {
		clear(s.refused)
	}
	s.refused[client] = refusal{string(l.Database), r.times + 1, at}
	return true
}

// known returns how many of the failures that a line tells of a database has told of already.
func (s *logins) known(l *maillog.Line, at time.Time) int {
	client := string(l.Client.Addr)
	r, is := s.refused[client]
	if !is {
		return 0
	}
	if at.Sub(r.last) > delay {
		delete(s.refused, client)
		return 0
	}
	n := min(r.times, int(max(l.Count, 1)))
	if r.times -= n; r.times == 0 {
		delete(s.refused, client)
	} else {
		s.refused[client] = r
	}
	return n
}

// wrong counts failed logins of a client.
func (i *Investigation) wrong(l *maillog.Line, times int, at time.Time) {
	if times <= 0 {
		return
	}
	i.hour(at).Wrong += times
	i.logins.tried(message.Account(string(l.SASLUsername)), times)
	addr, err := netip.ParseAddr(string(l.Client.Addr))
	if err != nil {
		return
	}
	addr = addr.Unmap()
	g := i.report.guessers[addr]
	if g == nil {
		if len(i.report.guessers) >= maxGuessers {
			return
		}
		g = &Guesser{Client: addr, First: at}
		g.ASN, g.Country = i.options.Where(addr)
		i.report.guessers[addr] = g
	}
	g.Failed, g.Last = g.Failed+times, at
}
