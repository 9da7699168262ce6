package milter

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/mail/fingerprint"
	"postward/internal/mail/message"
)

// session is one connection of the MTA: one SMTP session, and any number of messages.
type session struct {
	server *Server
	traced bool // a Debug line for each step
	conn   net.Conn
	in     *bufio.Reader
	buf    []byte
	can    agreement
	macros macros

	clientName string
	client     netip.Addr
	user       string // of this host, who connected
	helo       string
	t          *guard.Transaction // the mail that is going on, or nil
	facts      message.Facts
	text       fingerprint.Hash
	whole      *reading // who reads all of it, or nil
	unread     *Answer  // what the mail is refused with at its end: a recipient could not be read
}

// errQuit ends a session in order.
var errQuit = errors.New("the MTA is done")

// run speaks until the peer is done, silent for too long, or wrong.
func (s *session) run() error {
	defer s.forget()
	for {
		if err := s.conn.SetReadDeadline(s.idleUntil()); err != nil {
			return err
		}
		p, err := readPacket(s.in, &s.buf, func() error {
			return s.conn.SetReadDeadline(time.Now().Add(s.server.Limits.Packet))
		})
		if err != nil {
			return err
		}
		reply, err := s.command(p)
		if err != nil {
			return err
		}
		if err := s.send(reply); err != nil {
			return err
		}
		if s.t == nil && s.server.draining() {
			return errQuit
		}
	}
}

// idleUntil is how long the peer may say nothing. A session that carries no message ends at once when draining.
func (s *session) idleUntil() time.Time {
	if s.t == nil && s.server.draining() {
		return time.Now()
	}
	return time.Now().Add(s.server.Limits.Idle)
}

func (s *session) send(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.server.Limits.Packet)); err != nil {
		return err
	}
	_, err := s.conn.Write(b)
	return err
}

// command takes one command and returns what to send; nothing for those that want no answer.
func (s *session) command(p packet) ([]byte, error) {
	switch p.cmd {
	case cmdOptNeg:
		var reply []byte
		var err error
		s.can, reply, err = negotiate(p.data, stepsFor(s.server.Direction, s.server.Open != nil))
		return reply, err
	case cmdMacro:
		return nil, s.macros.take(p.data)
	case cmdConnect:
		return s.on(stepNRConnect, s.connect(p.data))
	case cmdHelo:
		return s.on(stepNRHelo, s.hello(p.data))
	case cmdMail:
		return s.mail(p.data)
	case cmdRcpt:
		return s.on(stepNRRcpt, s.rcpt(p.data))
	case cmdData:
		return s.on(stepNRData, nil)
	case cmdHeader:
		return s.on(stepNRHeader, s.header(p.data))
	case cmdEOH:
		s.tell((*reading).header)
		return s.on(stepNREOH, nil)
	case cmdBody:
		return s.body(p.data)
	case cmdEOM:
		return nil, s.end()
	case cmdUnknown:
		return s.on(stepNRUnknown, nil)
	case cmdAbort:
		s.forget()
		return nil, nil
	case cmdQuitNC:
		s.forget()
		s.macros, s.helo, s.clientName, s.client, s.user = macros{}, "", "", netip.Addr{}, ""
		return nil, nil
	case cmdQuit:
		return nil, errQuit
	}
	return nil, errPacket
}

// on answers a command whose answer may have been agreed away.
func (s *session) on(step uint32, err error) ([]byte, error) {
	if err != nil || s.can.silent(step) {
		return nil, err
	}
	return appendPacket(nil, rspContinue), nil
}

// connect takes name, family, port and address (mfdef.h, SMFIC_CONNECT). Mail from the host itself has none.
func (s *session) connect(data []byte) error {
	name, rest, err := cstring(data)
	if err != nil {
		return err
	}
	s.clientName, s.client, s.user = message.Clean(name), netip.Addr{}, ""
	if len(rest) < 1 {
		return errPacket
	}
	family := rest[0]
	if family != '4' && family != '6' || s.server.Direction == guard.Local {
		return nil
	}
	if len(rest) < 3 {
		return errPacket
	}
	text, _, err := cstring(rest[3:])
	if err != nil {
		return err
	}
	s.client = parseAddr(text)
	if s.server.User != nil && s.client.IsValid() {
		s.user = s.server.User(netip.AddrPortFrom(s.client, binary.BigEndian.Uint16(rest[1:])), s.macros.daemon())
	}
	if s.traced {
		s.trace("connect", slog.String("client", s.client.String()), slog.String("name", s.clientName), slog.String("user", s.user))
	}
	return nil
}

// parseAddr reads an address as Postfix writes it; what is none is the zero Addr.
func parseAddr(text string) netip.Addr {
	addr, err := netip.ParseAddr(strings.TrimPrefix(text, "IPv6:"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

func (s *session) hello(data []byte) error {
	name, _, err := cstring(data)
	s.helo = message.Clean(name)
	return err
}

// mail begins a transaction, and judges what can be judged of its sender.
func (s *session) mail(data []byte) ([]byte, error) {
	path, _, err := cstring(data)
	if err != nil {
		return nil, err
	}
	s.close() // of a mail before it that nobody ended
	at := guard.TimeOf(time.Now())
	macro, found := s.macros.once(cmdMail, "{mail_addr}")
	from, err := sender(path, macro, found)
	if err != nil && !s.server.Shadow {
		a := unread(501, "5.1.7", "sender", path, err)
		if s.server.Direction == guard.Local { // a refusal would be returned to it
			a.Action, a.Reply.Code, a.Reply.Enhanced = guard.Tempfail, 451, "4.1.7"
		}
		s.forget()
		return a.refusal(), nil
	} else if err != nil {
		from = message.Canonical(path)
	}
	s.facts = message.New()
	s.text.Reset()
	s.t = &guard.Transaction{
		Direction: s.server.Direction, MailAt: at, Client: s.client, ClientName: s.clientName, Helo: s.helo,
		ReversePath: from, Zone: guard.NoZone,
	}
	s.fill(guard.StageMail)
	a := s.server.judge(s.server.Mail, s.t)
	if s.traced {
		s.trace("mail", slog.String("from", from), slog.String("login", s.t.Login), slog.String("helo", s.helo), a.attr())
	}
	if a.Action == guard.Reject || a.Action == guard.Tempfail {
		s.forget()
		return a.refusal(), nil
	}
	s.open()
	return appendPacket(nil, rspContinue), nil
}

// fill takes what the macros say now.
func (s *session) fill(stage guard.Stage) {
	s.t.Stage, s.t.At = stage, guard.TimeOf(time.Now())
	s.t.QueueID = message.Clean(s.macros.get("i"))
	s.t.Login = message.Account(message.Clean(s.macros.get("{auth_authen}")))
	if s.t.Login == "" { // a login says more than who carried the mail here
		s.t.UnixUser = s.user
	}
}

// rcpt takes a recipient. One that cannot be read refuses the mail, at its end: sendmail(1)'s mail, which Postfix hands to
// a milter after it took it, has no other moment for that.
func (s *session) rcpt(data []byte) error {
	path, _, err := cstring(data)
	macro, found := s.macros.once(cmdRcpt, "{rcpt_addr}")
	if err != nil || s.t == nil {
		return err
	}
	to, err := recipient(path, macro, found)
	if err != nil && s.server.Direction == guard.Local { // a refusal would be returned to the sender: he is nobody's acquaintance
		s.t.MoreRecipients++
		return nil
	}
	if err != nil {
		a := unread(550, "5.1.3", "recipient", path, err)
		to, s.unread = message.Canonical(path), &a
	}
	if s.traced {
		s.trace("recipient", slog.String("to", to))
	}
	if len(s.t.Recipients) < guard.MaxRecipients {
		s.t.Recipients = append(s.t.Recipients, to)
	} else {
		s.t.MoreRecipients++
	}
	return nil
}

func (s *session) header(data []byte) error {
	name, rest, err := cstring(data)
	if err != nil {
		return err
	}
	value, _, err := cstring(rest)
	if s.t != nil {
		s.t.Size += int64(len(name) + len(value))
		s.tell(func(r *reading) { r.field(name, value) })
		if s.can.silent(stepLeadingSpace) { // else the MTA has taken it away
			value = strings.TrimPrefix(value, " ")
		}
		s.facts.Field(name, value)
		s.text.Header(name, value)
	}
	return err
}

// body takes a chunk of the body. When enough of it is known the MTA need not send the rest.
func (s *session) body(data []byte) ([]byte, error) {
	full := s.t == nil
	if s.t != nil {
		s.t.Size += int64(len(data))
		full = s.hear(data)
	}
	if full && s.can.silent(stepSkip) {
		return appendPacket(nil, rspSkip), nil
	}
	return s.on(stepNRBody, nil)
}

// hear tells a part of the body to who wants it. Of mail from strangers no fingerprint is taken.
func (s *session) hear(data []byte) (enough bool) {
	enough = s.server.Direction == guard.Inbound || s.text.Write(data)
	s.tell(func(r *reading) { r.body(data) })
	return enough && (s.whole == nil || s.whole.enough)
}

// end judges the message and sends the answer. An answer that cannot be sent is told: the MTA never got it.
func (s *session) end() error {
	if s.t == nil {
		return errPacket
	}
	if s.unread != nil && !s.server.Shadow {
		refusal := s.unread.refusal()
		s.forget()
		return s.send(refusal)
	}
	t := s.t
	s.fill(guard.StageEnd)
	t.Authors, t.NoAuthor, t.Anonymous = s.facts.Authors, s.facts.NoAuthor(), s.facts.Anonymous()
	t.Resent, t.ReplyTo = s.facts.Resent, s.facts.ReplyTo
	t.MessageID, t.Subject, t.Mailer, t.Zone = s.facts.MessageID, s.facts.Subject, s.facts.Mailer, s.facts.Zone
	t.Fingerprint = s.text.Sum()
	a, err := s.wait(t)
	if err == nil {
		err = s.send(a.end(&s.can))
	}
	if s.traced {
		s.trace("message", slog.String("message_id", t.MessageID), slog.String("subject", t.Subject), slog.Any("authors", t.Authors),
			slog.String("mailer", t.Mailer), slog.Int64("size", t.Size), slog.Int("recipients", t.RecipientCount()), a.attr(), slog.Any("unanswered", err))
	}
	if err != nil && s.server.Unanswered != nil {
		s.server.Unanswered(t)
	}
	s.forget()
	return err
}

// wait judges, and tells the MTA now and then that it is at it.
func (s *session) wait(t *guard.Transaction) (Answer, error) {
	done, judge := make(chan Answer, 1), s.judge()
	go func() { done <- s.server.judge(judge, t) }()
	progress := time.NewTicker(s.server.Limits.Progress)
	defer progress.Stop()
	var broken error
	for {
		select {
		case a := <-done:
			return a, broken
		case <-progress.C:
			if broken == nil {
				broken = s.send(appendPacket(nil, rspProgress))
			}
		}
	}
}

// forget ends the mail that is going on.
func (s *session) forget() {
	s.close()
	s.t, s.unread = nil, nil
	s.macros.forget()
}

// ordinary reports whether err is how sessions end when nothing is wrong.
func ordinary(err error) bool {
	var timeout net.Error
	return errors.Is(err, errQuit) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.Canceled)
}
