package rig

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Step is one command of an SMTP session and its reply. Code 0: no reply came, and Text says why.
type Step struct {
	Command string // as sent; the secret of AUTH is left out
	Code    int
	Text    string // the last line, with its enhanced status code
	At      time.Time
	Took    time.Duration
}

func (s Step) String() string { return fmt.Sprintf("%s → %d %s", s.Command, s.Code, s.Text) }

// Session is an SMTP session of a client, one command after the other; not for several goroutines.
type Session struct {
	Steps []Step

	conn    net.Conn
	r       *bufio.Reader
	limit   time.Duration
	release func() bool
}

// Client says who connects, where, and as whom.
type Client struct {
	Addr string // host:port
	// Helo is the HELO name, client.example.net if empty.
	Helo string
	// Address is presented by XCLIENT: any client address; empty for the real one.
	Address string
	// Name is presented by XCLIENT with Address: the client's host name, empty for an unknown one.
	Name string
	// User and Password for AUTH, if User is not empty; Mechanism is PLAIN if empty, or LOGIN.
	User, Password, Mechanism string
	// As is the Unix user whose socket it is, empty for who runs the test. The rest of the session is not his.
	As string
	// From is an address of the far host, which then connects; empty: this host does.
	From string
	// Timeout bounds every wait for a reply, 60 s if 0.
	Timeout time.Duration
}

// Open connects and goes as far as AUTH. When a reply is not what is wanted, the session is closed, and the error
// is a *Refusal; the session is returned for its steps.
func (c Client) Open(ctx context.Context) (*Session, error) {
	s := &Session{limit: c.Timeout}
	if s.limit == 0 {
		s.limit = time.Minute
	}
	start := time.Now()
	conn, err := c.Dial(ctx, s.limit)
	if err != nil {
		s.Steps = append(s.Steps, Step{Command: "(connect)", Text: err.Error(), At: start, Took: time.Since(start)})
		return s, s.refusal()
	}
	s.conn, s.r = conn, bufio.NewReader(conn)
	s.release = context.AfterFunc(ctx, func() { conn.Close() })
	if err := c.greet(s, start); err != nil {
		s.Close()
		return s, err
	}
	return s, nil
}

// Dial connects, within limit, and reads nothing. The kernel counts a socket for the user that its thread has for files (setfsuid(2)).
func (c Client) Dial(ctx context.Context, limit time.Duration) (net.Conn, error) {
	if c.From != "" {
		far, err := TheFar()
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return far.Dial(ctx, c.From, c.Addr)
	}
	dialer := net.Dialer{Timeout: limit}
	if c.As == "" {
		return dialer.DialContext(ctx, "tcp", c.Addr)
	}
	who, err := user.Lookup(c.As)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(who.Uid)
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Setfsuid(uid); err != nil {
		return nil, err
	}
	defer unix.Setfsuid(os.Geteuid())
	return dialer.DialContext(ctx, "tcp", c.Addr)
}

func (c Client) greet(s *Session, start time.Time) error {
	helo := c.Helo
	if helo == "" {
		helo = "client.example.net"
	}
	if !s.read("(connect)", start).is(220) || !s.Do("EHLO "+helo).is(250) {
		return s.refusal()
	}
	if c.Address != "" {
		// XCLIENT starts the session anew: greeting and EHLO again.
		if !s.Do("XCLIENT "+c.xclient()).is(220) || !s.Do("EHLO "+helo).is(250) {
			return s.refusal()
		}
	}
	if c.User == "" {
		return nil
	}
	return s.auth(c)
}

func (c Client) xclient() string {
	address, name := c.Address, c.Name
	if strings.Contains(address, ":") {
		address = "IPV6:" + address
	}
	if name == "" {
		name = "[UNAVAILABLE]"
	}
	return "ADDR=" + address + " NAME=" + name
}

// Auth logs in, as Open does; for the sessions of a guesser. The code is 235 or the refusal's.
func (s *Session) Auth(user, password, mechanism string) Step {
	_ = s.auth(Client{User: user, Password: password, Mechanism: mechanism})
	return s.last()
}

func (s *Session) auth(c Client) error {
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	switch c.Mechanism {
	case "", "PLAIN":
		s.exchange("AUTH PLAIN (secret)", "AUTH PLAIN "+encode("\x00"+c.User+"\x00"+c.Password))
	default:
		if !s.Do("AUTH LOGIN").is(334) || !s.exchange("(user)", encode(c.User)).is(334) {
			return s.refusal()
		}
		s.exchange("(password)", encode(c.Password))
	}
	if !s.last().is(235) {
		return s.refusal()
	}
	return nil
}

// Do sends one command and reads its reply.
func (s *Session) Do(command string) Step { return s.exchange(command, command) }

// Raw sends text as it is and waits for nothing.
func (s *Session) Raw(text string) error { return s.write(text) }

func (s *Session) exchange(show, line string) Step {
	start := time.Now()
	if err := s.write(line + "\r\n"); err != nil {
		return s.note(Step{Command: show, Text: err.Error(), At: start, Took: time.Since(start)})
	}
	return s.read(show, start)
}

func (s *Session) write(text string) error {
	if s.conn == nil {
		return net.ErrClosed
	}
	if err := s.conn.SetDeadline(time.Now().Add(s.limit)); err != nil {
		return err
	}
	_, err := s.conn.Write([]byte(text))
	return err
}

func (s *Session) read(show string, start time.Time) Step {
	step := Step{Command: show, At: start}
	err := s.conn.SetDeadline(time.Now().Add(s.limit))
	for err == nil {
		var line string
		if line, err = s.r.ReadString('\n'); err != nil {
			break
		}
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 3 {
			err = fmt.Errorf("not a reply: %q", line)
			break
		}
		if len(line) > 3 && line[3] == '-' {
			continue
		}
		if step.Code, err = strconv.Atoi(line[:3]); err == nil {
			step.Text = strings.TrimSpace(line[3:])
		}
		break
	}
	if err != nil {
		step.Code, step.Text = 0, err.Error()
	}
	step.Took = time.Since(start)
	return s.note(step)
}

func (s *Session) note(step Step) Step {
	s.Steps = append(s.Steps, step)
	return step
}

func (s *Session) last() Step { return s.Steps[len(s.Steps)-1] }

func (step Step) is(code int) bool { return step.Code == code }

// Refusal is a session that did not come as far as it should; the last step says why.
type Refusal struct{ Step Step }

func (r *Refusal) Error() string { return "SMTP session: " + r.Step.String() }

func (s *Session) refusal() error { return &Refusal{s.last()} }

// Send sends one mail and fills in its outcome. A session in which no reply came is of no use afterwards.
func (s *Session) Send(m *Mail) {
	from := len(s.Steps)
	defer func() {
		m.Steps = append(m.Steps, s.Steps[from:]...)
		m.settle()
	}()
	if !s.Do(strings.TrimSpace("MAIL FROM:<" + m.From + "> " + m.Params)).is(250) {
		return
	}
	taken := 0
	for _, to := range m.To {
		step := s.Do("RCPT TO:<" + to + ">")
		switch {
		case step.Code == 0:
			return
		case step.Code/100 == 2:
			taken++
		default:
			m.RefusedTo = append(m.RefusedTo, to)
		}
	}
	if taken == 0 {
		s.Do("RSET")
		return
	}
	if !s.Do("DATA").is(354) {
		return
	}
	m.Sent = time.Now()
	s.exchange(endOfMail, dotted(m.Text())+".")
}

// endOfMail names the step whose reply is Postfix's promise.
const endOfMail = "(end of mail)"

func dotted(text string) string {
	text = strings.ReplaceAll(text, "\r\n.", "\r\n..")
	if !strings.HasSuffix(text, "\r\n") {
		text += "\r\n"
	}
	return text
}

// Close says QUIT and hangs up, if it has not been hung up yet.
func (s *Session) Close() {
	if s.conn == nil {
		return
	}
	// The server may have hung up first; nobody waits for its goodbye.
	_ = s.write("QUIT\r\n")
	s.Abort()
}

// Abort hangs up without a word.
func (s *Session) Abort() {
	if s.conn == nil {
		return
	}
	s.release()
	s.conn.Close()
	s.conn = nil
}
