package logins

import (
	"bytes"
	"time"

	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// Bounds of what is remembered.
const (
	maxSessions = 20_000
	maxAccounts = 5_000
	maxAccount  = 256 // octets of a name that are kept
	maxWords    = 100
)

// delay is how long after a database the others tell of the same failure: PAM waits some seconds after each.
const delay = 10 * time.Second

// Joiner joins lines to Attempts.
type Joiner struct {
	sessions map[process]session // of smtpd, as far as they tell of logins
	mailbox  map[string]int      // refusals that were counted, by Dovecot's session, which has not ended yet
	refused  map[string]refusal  // by client: what a password database refused, and the server that asked it has not told of yet
	early    map[string]refusal  // by client: what smtpd told, and the database has not told of yet, if it does at all
	accounts map[string]string   // names as message.Account has them, by what was said
	words    map[string]string   // names of hosts, programs and databases
	before   []byte              // the line before, if it may be folded
	line     maillog.Line
}

// process is who wrote a line: an smtpd has one session at a time.
type process struct {
	host, program string
	pid           int
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

// New returns a Joiner that knows nothing yet.
func New() *Joiner {
	return &Joiner{sessions: map[process]session{}, mailbox: map[string]int{}, refused: map[string]refusal{}, early: map[string]refusal{}, accounts: map[string]string{}, words: map[string]string{}}
}

// Line takes the next line of a log: its text, and what was read of it. Kind None: it tells nothing new.
func (j *Joiner) Line(text []byte, l *maillog.Line, at time.Time) Attempt {
	switch l.Kind {
	case maillog.Repeats:
		return j.again(l.Count, at)
	case maillog.Unknown:
		j.before = j.before[:0]
		return Attempt{}
	}
	j.before = j.before[:0]
	a := j.take(l, at)
	switch l.Kind {
	case maillog.LoginFailed, maillog.LoginUnchecked, maillog.MailboxLoginFailed, maillog.PasswordRefused:
		j.before = append(j.before, text...)
	}
	return a
}

// again takes the line that stands for several that were like the one before.
func (j *Joiner) again(times int64, at time.Time) Attempt {
	if len(j.before) == 0 {
		return Attempt{}
	}
	maillog.Parse(j.before, &j.line)
	j.line.Times = times
	return j.take(&j.line, at)
}

func (j *Joiner) take(l *maillog.Line, at time.Time) Attempt {
	times := int(max(l.Times, 1))
	switch l.Kind {
	case maillog.LoginFailed:
		j.note(l, session{told: true})
		n := times - j.known(l, times, at)
		if n > 0 {
			j.first(l, n, at)
		}
		return j.tell(Failed, l, at, n)
	case maillog.LoginUnchecked: // not if the database did tell
		j.note(l, session{told: true})
		return j.tell(Unchecked, l, at, times-j.known(l, times, at))
	case maillog.LoginUnasked:
		j.note(l, session{told: true})
	case maillog.LoginAborted:
		j.note(l, session{told: true})
		return j.tell(Aborted, l, at, times)
	case maillog.MailboxLoginFailed:
		times *= int(max(l.Count, 1))
		return j.tell(Failed, l, at, times-j.toldBefore(l, times, at))
	case maillog.PasswordRefused:
		if !j.late(l, at) && j.refuse(l, at) {
			return j.tell(Failed, l, at, times)
		}
	case maillog.MailboxLogin:
		return j.tell(Good, l, at, 1)
	case maillog.Client:
		if len(l.SASLUsername) > 0 {
			return j.tell(Good, l, at, 1)
		}
		return j.tell(Taken, l, at, 1)
	case maillog.Connect, maillog.Lost, maillog.Disconnect:
		return j.smtpSession(l, at)
	case maillog.Pregreet:
		return j.tell(Pregreet, l, at, times)
	case maillog.Violation:
		return j.tell(violation(l), l, at, times)
	case maillog.Reject:
		return j.tell(refusedWhy(l), l, at, times)
	case maillog.Delivery:
		if l.Status == maillog.StatusSent && intoMailbox(l) {
			return j.tell(Delivered, l, at, 1)
		}
	}
	return Attempt{}
}

// smtpSession takes the beginning and the end of a session. Where no line tells of a login that failed (the client is not allowed
// to try), the end of the session does, and the session counts once. Who went away within a login was not refused.
func (j *Joiner) smtpSession(l *maillog.Line, at time.Time) Attempt {
	switch l.Kind {
	case maillog.Connect:
		j.over(l)
	case maillog.Lost:
		if string(l.Stage) == "AUTH" {
			j.note(l, session{lost: true})
			return j.tell(Aborted, l, at, 1)
		}
	case maillog.Disconnect:
		x := j.over(l)
		accepted, all := l.Command("auth")
		if failed := all - accepted; !x.told && (failed > 1 || failed == 1 && !x.lost) {
			a := j.tell(Failed, l, at, 1)
			a.Untold = true
			return a
		}
	}
	return Attempt{}
}

// tell makes an attempt of a line.
func (j *Joiner) tell(kind Kind, l *maillog.Line, at time.Time, times int) Attempt {
	if kind == None || times <= 0 {
		return Attempt{}
	}
	a := Attempt{Kind: kind, At: at, Times: times, Service: service(l)}
	addr := l.Client.Addr
	if l.Origin.Addr != nil {
		addr = l.Origin.Addr
	}
	a.Client = clientOf(addr)
	if name := l.SASLUsername; len(name) > 0 {
		a.Account = j.account(name[:min(len(name), maxAccount)])
	}
	switch kind {
	case NoMailbox, Relay:
		a.To = string(l.To)
	case Delivered:
		a.To = j.account(l.To[:min(len(l.To), maxAccount)])
	}
	return a
}

// account is a name as message.Account has it. A site's own few are said again and again.
func (j *Joiner) account(said []byte) string {
	if a, is := j.accounts[string(said)]; is {
		return a
	}
	if len(j.accounts) >= maxAccounts {
		clear(j.accounts)
	}
	a := message.Account(string(said))
	j.accounts[string(said)] = a
	return a
}

// service is where a line's login was tried.
func service(l *maillog.Line) Service {
	switch l.Kind {
	case maillog.MailboxLogin, maillog.MailboxLoginFailed:
	case maillog.PasswordRefused:
		return Mailbox
	default:
		return SMTP
	}
	switch {
	case bytes.HasPrefix(l.Text, []byte("imap")), bytes.HasPrefix(l.Program, []byte("imap")):
		return IMAP
	case bytes.HasPrefix(l.Text, []byte("pop3")), bytes.HasPrefix(l.Program, []byte("pop3")):
		return POP3
	case bytes.HasPrefix(l.Text, []byte("managesieve")), bytes.HasPrefix(l.Program, []byte("managesieve")):
		return Sieve
	case bytes.HasPrefix(l.Text, []byte("submission")), bytes.HasPrefix(l.Program, []byte("submission")):
		return SMTP
	}
	return Mailbox
}

// violation says what kind of rule was broken. Pipelining is impatience, of mailers that mean well too.
func violation(l *maillog.Line) Kind {
	switch string(l.Action) {
	case "NON-SMTP COMMAND", "non-SMTP command":
		return NotSMTP
	}
	return None
}

// intoMailbox reports whether a delivery is into a mailbox of this host.
func intoMailbox(l *maillog.Line) bool {
	return bytes.HasSuffix(l.Program, []byte("/local")) || bytes.HasSuffix(l.Program, []byte("/virtual")) ||
		bytes.HasSuffix(l.Program, []byte("/lmtp")) && bytes.Contains(l.Relay.Addr, []byte("dovecot"))
}

// refusedWhy says what a refusal tells of the client. Who sends a notification asks for whom somebody forged.
func refusedWhy(l *maillog.Line) Kind {
	switch {
	case l.From != nil && len(l.From) == 0:
		return None
	case bytes.Contains(l.Reply, []byte("Relay access denied")):
		return Relay
	case string(l.DSN) == "5.1.1" && bytes.Contains(l.Reply, []byte("User unknown")):
		return NoMailbox
	}
	return None
}

// note keeps what a session told.
func (j *Joiner) note(l *maillog.Line, said session) {
	if l.PID == 0 {
		return
	}
	if len(j.sessions) >= maxSessions {
		clear(j.sessions)
	}
	x := j.sessions[process{string(l.Host), string(l.Program), l.PID}]
	if now := (session{x.told || said.told, x.lost || said.lost}); now != x {
		j.sessions[process{j.word(l.Host), j.word(l.Program), l.PID}] = now
	}
}

// word is what stands in a log again and again, a host or a program, made a string once.
func (j *Joiner) word(b []byte) string {
	if w, is := j.words[string(b)]; is {
		return w
	}
	if len(j.words) >= maxWords {
		clear(j.words)
	}
	w := string(b)
	j.words[w] = w
	return w
}

// over ends a session, and returns what it told. It allocates nothing where there is none.
func (j *Joiner) over(l *maillog.Line) session {
	x, is := j.sessions[process{string(l.Host), string(l.Program), l.PID}]
	if is {
		delete(j.sessions, process{string(l.Host), string(l.Program), l.PID})
	}
	return x
}

// toldBefore returns how many of the failures that the end of one of Dovecot's sessions tells of were counted already: those of
// the session, however long ago, or where no session is told, those of the client.
func (j *Joiner) toldBefore(l *maillog.Line, times int, at time.Time) int {
	known := j.known(l, times, at)
	n, is := j.mailbox[string(l.Session)]
	if len(l.Session) == 0 || !is {
		return known
	}
	delete(j.mailbox, string(l.Session))
	return n
}

// refuse notes what a database refused, and reports whether it is another failure: PAM's own line and that of Dovecot, which asked
// it, are of one.
func (j *Joiner) refuse(l *maillog.Line, at time.Time) bool {
	client, session := string(l.Client.Addr), string(l.Session)
	if session != "" {
		if len(j.mailbox) >= maxSessions {
			clear(j.mailbox)
		}
		j.mailbox[session]++
	}
	r := j.refused[client]
	other := r.session != "" && session != "" && r.session != session
	if r.times > 0 && r.database != string(l.Database) && !other && at.Sub(r.last) <= delay {
		return false
	}
	if len(j.refused) >= maxSessions {
		clear(j.refused)
	}
	j.refused[client] = refusal{j.word(l.Database), session, r.times + 1, at}
	return true
}

// first notes that smtpd told of failures before the database did: syslog has no order between two programs.
func (j *Joiner) first(l *maillog.Line, times int, at time.Time) {
	if len(j.early) >= maxSessions {
		clear(j.early)
	}
	client := string(l.Client.Addr)
	j.early[client] = refusal{times: j.early[client].times + times, last: at}
}

// late reports whether a database tells of what smtpd told of already, a moment ago.
func (j *Joiner) late(l *maillog.Line, at time.Time) bool {
	r, is := j.early[string(l.Client.Addr)]
	if !is || len(l.Session) > 0 {
		return false
	}
	client := string(l.Client.Addr)
	if r.times--; r.times <= 0 || at.Sub(r.last) > lateness {
		delete(j.early, client)
	} else {
		j.early[client] = r
	}
	return at.Sub(r.last) <= lateness
}

// lateness is how long after smtpd the database's line may come. Longer, it is of the next login.
const lateness = time.Second

// known returns how many of the failures that a line tells of a database has told of already.
func (j *Joiner) known(l *maillog.Line, times int, at time.Time) int {
	r, is := j.refused[string(l.Client.Addr)]
	if !is {
		return 0
	}
	client := string(l.Client.Addr)
	if at.Sub(r.last) > delay {
		delete(j.refused, client)
		return 0
	}
	n := min(r.times, times)
	if r.times -= n; r.times == 0 {
		delete(j.refused, client)
	} else {
		j.refused[client] = r
	}
	return n
}
