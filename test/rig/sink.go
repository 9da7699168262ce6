package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Delivery is one message that the sink accepted, in one transaction.
type Delivery struct {
	At     time.Time
	Client string   // address of the peer
	Helo   string   // its HELO name
	From   string   // reverse-path, empty for a bounce
	To     []string // the recipients that the sink took
	Token  string   // of the mail's own X-Token field; empty if it has none
	Size   int64
	Head   []byte // the first 64 KiB of the message, or as much as Keep says

	// Of a delivery status notification: the token of the mail it returns, and the recipients that failed.
	Returned string
	Failed   []string
}

// Copy names one recipient's copy of one mail.
type Copy struct{ Token, To string }

func (c Copy) String() string { return c.Token + " to " + c.To }

// Answer is how the sink treats a recipient: after Delay it replies with Code and Text at RCPT. Code 0 or 250 accepts.
type Answer struct {
	Code  int
	Text  string // with its enhanced status code, like "5.1.1 no such user"
	Delay time.Duration
	// AtEnd replies after the message instead, and so to all recipients of the transaction.
	AtEnd bool
}

// Denial is one reply of 4xx or 5xx for one recipient.
type Denial struct {
	To   string
	Code int
	Text string
}

// Sink is the rest of the world: an SMTP server on loopback that takes everything and remembers each message, until
// told otherwise for some recipients.
type Sink struct {
	Addr string

	server *smtp.Server
	done   chan error

	mu         sync.Mutex
	deliveries []Delivery
	copies     map[Copy]int
	returned   map[Copy]int
	answers    map[string]Answer
	denials    []Denial
	keep       int64
}

const sinkHead = 64 << 10

// Keep has the sink remember so many octets of each message from now on.
func (s *Sink) Keep(octets int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep = octets
}

func (s *Sink) kept() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keep
}

// StartSink listens on addr, "127.0.0.1:0" for any free port.
func StartSink(addr string) (*Sink, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("start the sink: %w", err)
	}
	s := &Sink{
		Addr: l.Addr().String(), done: make(chan error, 1),
		copies: map[Copy]int{}, returned: map[Copy]int{}, answers: map[string]Answer{}, keep: sinkHead,
	}
	s.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &sinkSession{sink: s, conn: c}, nil
	}))
	s.server.Domain = "sink.example.net"
	s.server.EnableSMTPUTF8 = true
	s.server.MaxMessageBytes = 128 << 20
	s.server.ReadTimeout, s.server.WriteTimeout = 10*time.Minute, time.Minute
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { s.done <- s.server.Serve(l) }()
	return s, nil
}

// Close stops it; what it remembers can still be read. A second Close does nothing.
func (s *Sink) Close() error {
	err := s.server.Close()
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	if served := <-s.done; served != nil && !errors.Is(served, smtp.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// Answer sets how a recipient is treated from now on: an address, "@domain", or "" for everybody else.
// The most exact one counts.
func (s *Sink) Answer(to string, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[strings.ToLower(to)] = a
}

func (s *Sink) answer(to string) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	to = strings.ToLower(to)
	for _, key := range []string{to, to[strings.LastIndexByte(to, '@')+1:], ""} {
		if key != to && key != "" {
			key = "@" + key
		}
		if a, ok := s.answers[key]; ok {
			return a
		}
	}
	return Answer{}
}

// Deliveries lists what arrived, in order.
func (s *Sink) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Delivery(nil), s.deliveries...)
}

// Copies counts what arrived, per mail and recipient.
func (s *Sink) Copies() map[Copy]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.copies)
}

// Returned counts the failures that bounces told, per mail and recipient.
func (s *Sink) Returned() map[Copy]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.returned)
}

// Denials lists what was refused, in order.
func (s *Sink) Denials() []Denial {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Denial(nil), s.denials...)
}

// Len is how many messages arrived.
func (s *Sink) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.deliveries)
}

// WaitLen waits until at least n messages have arrived.
func (s *Sink) WaitLen(ctx context.Context, n int) error {
	return Wait(ctx, fmt.Sprintf("%d mails at the sink", n), func() error {
		if got := s.Len(); got < n {
			return fmt.Errorf("%d are there", got)
		}
		return nil
	})
}

// Forget forgets what arrived; the answers stay.
func (s *Sink) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries, s.copies, s.returned, s.denials = nil, map[Copy]int{}, map[Copy]int{}, nil
}

func (s *Sink) take(d Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries = append(s.deliveries, d)
	for _, to := range d.To {
		s.copies[Copy{d.Token, plain(to)}]++
	}
	for _, to := range d.Failed {
		s.returned[Copy{d.Returned, plain(to)}]++
	}
}

// refuse replies as told to recipients, and remembers it.
func (s *Sink) refuse(a Answer, to ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range to {
		s.denials = append(s.denials, Denial{To: plain(one), Code: a.Code, Text: a.Text})
	}
	return &smtp.SMTPError{Code: a.Code, EnhancedCode: smtp.NoEnhancedCode, Message: a.Text}
}

type sinkSession struct {
	sink  *Sink
	conn  *smtp.Conn
	from  string
	to    []string
	atEnd *Answer // what the message is refused with
}

func (s *sinkSession) Reset()        { s.from, s.to, s.atEnd = "", nil, nil }
func (s *sinkSession) Logout() error { return nil }

func (s *sinkSession) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	a := s.sink.answer(to)
	if a.Delay > 0 {
		time.Sleep(a.Delay) // the answer that was asked for: a slow receiver
	}
	switch {
	case a.Code == 0 || a.Code == 250:
	case a.AtEnd:
		s.atEnd = &a
	default:
		return s.sink.refuse(a, to)
	}
	s.to = append(s.to, to)
	return nil
}

// Data takes the message before its 250 is written: a peer that did not hear the 250 sends again, and the second
// copy is counted, because it is one.
func (s *sinkSession) Data(r io.Reader) error {
	head, err := io.ReadAll(io.LimitReader(r, s.sink.kept()))
	if err != nil {
		return err
	}
	rest, err := io.Copy(io.Discard, r)
	if err != nil {
		return err
	}
	if s.atEnd != nil {
		return s.sink.refuse(*s.atEnd, s.to...)
	}
	d := Delivery{
		At: time.Now(), Client: s.conn.Conn().RemoteAddr().String(), Helo: s.conn.Hostname(),
		From: s.from, To: append([]string(nil), s.to...), Size: int64(len(head)) + rest, Head: head,
	}
	header, body, _ := bytes.Cut(head, []byte("\r\n\r\n"))
	d.Token, _ = field(header, "X-Token")
	if s.from == "" {
		readReturn(&d, body)
	}
	s.sink.take(d)
	return nil
}

// readReturn finds the failed recipients (RFC 3464, 2.3) and the token in a notification as Postfix writes it.
func readReturn(d *Delivery, body []byte) {
	to := ""
	for _, part := range bytes.Split(body, []byte("\r\n\r\n")) {
		if final, ok := field(part, "Final-Recipient"); ok {
			_, to, _ = strings.Cut(final, ";")
			to = strings.TrimSpace(to)
			if action, _ := field(part, "Action"); action == "failed" {
				d.Failed = append(d.Failed, to)
			}
		}
		if token, ok := field(part, "X-Token"); ok {
			d.Returned = token
		}
	}
}

// field is the first field of that name in a header section, not unfolded.
func field(header []byte, name string) (string, bool) {
	for line := range bytes.Lines(header) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if ok && strings.EqualFold(string(key), name) {
			return string(bytes.TrimSpace(value)), true
		}
	}
	return "", false
}
