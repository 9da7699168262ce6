package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// login is one try within a session.
type login struct {
	account string
	method  string // "plain" if empty
	why     string // why it is refused; empty: it is not
}

// wrong is a refused try at accounts that are there, none is one at names that are not.
func wrong(account string) login { return login{account: account, why: mismatch} }
func right(account string) login { return login{account: account} }

// guess is a try at an account, or at a name that perhaps nobody has.
func (g *generator) guess(name string) login {
	l := login{account: name, why: nobody}
	if strings.Contains(name, "@") && g.site.has(name) {
		l.why = mismatch
	}
	if g.r.IntN(2) == 0 {
		l.method = "login"
	}
	return l
}

func (s *site) has(account string) bool {
	for _, p := range s.people {
		if p.account == account {
			return true
		}
	}
	return false
}

// session is one of smtpd, from connect to disconnect.
type session struct {
	g       *generator
	service string
	pid     int
	at      time.Time
	c       client
}

// Services of smtpd.
const (
	mx         = "postfix/smtpd"
	submission = "postfix/submission/smtpd"
	smtps      = "postfix/smtps/smtpd"
)

func (g *generator) open(service string, at time.Time, c client) *session {
	s := &session{g: g, service: service, pid: g.process(service, at), at: at, c: c}
	s.say("connect from %s", c)
	return s
}

func (s *session) say(format string, args ...any) {
	s.g.say(s.at, fmt.Sprintf("%s[%d]", s.service, s.pid), format, args...)
}

func (s *session) wait(least, most time.Duration) { s.at = s.at.Add(s.g.between(least, most)) }

// end says what was asked and what was granted, as smtpd counts it.
func (s *session) end(commands ...string) {
	s.wait(20*time.Millisecond, 300*time.Millisecond)
	all, well := 0, 0
	for _, c := range commands {
		_, numbers, _ := strings.Cut(c, "=")
		one, of, some := strings.Cut(numbers, "/")
		n, _ := strconv.Atoi(one)
		well += n
		if some {
			n, _ = strconv.Atoi(of)
		}
		all += n
	}
	s.say("disconnect from %s %s %s", s.c, strings.Join(commands, " "), granted("commands", all, all-well))
	s.g.released(s.service, s.pid, s.at)
}

// auth is one try to log in: what Dovecot's auth says of it, and two seconds later what smtpd does.
func (s *session) auth(m *mark, l login) {
	s.wait(80*time.Millisecond, 900*time.Millisecond)
	outcome := gotIn
	if l.why != "" {
		outcome = refused
	}
	s.g.tried(m, s.at, s.c, l.account, outcome)
	if l.why == "" {
		return
	}
	s.g.refusal(s.at, l, s.c, "")
	s.at = s.at.Add(2 * time.Second)
	s.say("warning: %s: SASL %s authentication failed: (reason unavailable), sasl_username=%s", s.c, strings.ToUpper(l.how()), l.account)
}

func (l login) how() string {
	if l.method == "" {
		return "plain"
	}
	return l.method
}

// refusal is what Dovecot's auth says.
func (g *generator) refusal(at time.Time, l login, c client, session string) {
	if g.form.database != nil {
		g.say(at, "dovecot", "%s", g.form.database(l.account, c.addr.String(), session, l.how(), l.why))
	}
}

// submit is a session of a mail client, or of a guesser: some tries, and a mail if the last is right.
func (g *generator) submit(m *mark, at time.Time, c client, tries ...login) {
	s := g.open(pick(g.r, []string{submission, submission, smtps}), at, c)
	failed := 0
	for _, l := range tries {
		s.auth(m, l)
		if l.why != "" {
			failed++
			continue
		}
		g.mail(s, l.account, 1+g.r.IntN(2))
		s.end(s.hello(granted("auth", failed+1, failed), "mail=1", "rcpt=1", "data=1", "quit=1")...)
		return
	}
	switch g.r.IntN(6) {
	case 0: // goes away without a word
		s.say(g.form.lost+"lost connection after AUTH from %s", c)
		s.end(s.hello(granted("auth", failed, failed))...)
	default:
		s.end(s.hello(granted("auth", failed, failed), "quit=1")...)
	}
}

// hello is how a session begins that comes to AUTH: with STARTTLS, under TLS, or bare, as some guessers still do.
func (s *session) hello(rest ...string) []string {
	if s.service == smtps || s.g.r.IntN(6) == 0 {
		return append([]string{"ehlo=1"}, rest...)
	}
	return append([]string{"ehlo=2", "starttls=1"}, rest...)
}

// granted counts commands as smtpd does: "auth=0/1" when one was asked for and none granted.
func granted(word string, asked, failed int) string {
	if failed == 0 {
		return fmt.Sprintf("%s=%d", word, asked)
	}
	return fmt.Sprintf("%s=%d/%d", word, asked-failed, asked)
}

// unasked is a session with AUTH where nothing is offered: smtpd counts it, and says nothing.
func (g *generator) unasked(m *mark, at time.Time, c client, tries int) {
	s := g.open(mx, at, c)
	for range tries {
		s.wait(200*time.Millisecond, 2*time.Second)
		g.tried(m, s.at, c, "", refused)
	}
	s.end("ehlo=1", granted("auth", tries, tries), "quit=1")
}

// mailbox is a session with Dovecot: some tries, and a mailbox that is read if the last is right.
func (g *generator) mailbox(m *mark, at time.Time, protocol string, c client, tries ...login) {
	id, began, failed := g.site.token(), at, 0
	for _, l := range tries {
		at = at.Add(g.between(50*time.Millisecond, 900*time.Millisecond))
		if l.why == "" {
			g.tried(m, at, c, l.account, gotIn)
			pid := 20_000 + g.r.IntN(9000)
			g.say(at, "dovecot", "%s-login: %s: user=<%s>, method=PLAIN, rip=%s, lip=%s, mpid=%d, TLS, session=<%s>", protocol, g.form.opened, l.account, c.addr, own, pid, id)
			g.read(at.Add(g.between(time.Second, 20*time.Minute)), protocol, l.account, pid, id)
			return
		}
		g.tried(m, at, c, l.account, refused)
		g.refusal(at, l, c, id)
		at = at.Add(2 * time.Second)
		failed++
	}
	how := g.form.closed(pick(g.r, g.form.ends), failed, int(at.Sub(began).Seconds()))
	user := "<>"
	if failed > 0 {
		user = "<" + tries[failed-1].account + ">, method=PLAIN"
	} else {
		g.tried(m, at, c, "", came)
	}
	g.say(at, "dovecot", "%s-login: %s: user=%s, rip=%s, lip=%s, TLS, session=<%s>", protocol, how, user, c.addr, own, id)
}

// read is the end of a mailbox that was read.
func (g *generator) read(at time.Time, protocol, account string, pid int, id string) {
	if protocol == "pop3" {
		g.say(at, "dovecot", "pop3(%s)<%d><%s>: Disconnected: Logged out top=0/0, retr=0/0, del=0/%d, size=%d", account, pid, id, g.r.IntN(90), g.r.IntN(1_000_000))
		return
	}
	g.say(at, "dovecot", "imap(%s)<%d><%s>: Disconnected: Logged out in=%d out=%d deleted=0 expunged=0 trashed=0 hdr_count=%d hdr_bytes=%d body_count=0 body_bytes=0",
		account, pid, id, 50+g.r.IntN(900), 500+g.r.IntN(9000), g.r.IntN(20), g.r.IntN(9000))
}
