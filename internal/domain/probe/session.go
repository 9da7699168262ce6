package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"
)

const (
	quitPatience = time.Second // how long the reply to QUIT is waited for
	maxRecords   = 1 << 20     // octets of TLS that are read of a connection
)

// session is one connection, in the clear or inside TLS. It belongs to one goroutine.
type session struct {
	raw, conn net.Conn // conn is raw, or TLS on it
	replies   *reader
	helo      string
	stop      func() bool
	polite    bool // the host speaks SMTP, as far as we know: QUIT is understood
}

// bound is the context of a whole question.
func (c *Config) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	return context.WithTimeout(ctx, timeout)
}

// open connects. Every read and write of the session ends with the context.
func open(ctx context.Context, c *Config, t Target) (*session, *Problem) {
	dial := c.Dial
	if dial == nil {
		dialer := net.Dialer{}
		if c.Local.IsValid() {
			dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.Local, 0))
		}
		dial = dialer.DialContext
	}
	conn, err := dial(ctx, "tcp", t.Addr.String())
	if err != nil {
		return nil, problem(Connect, err)
	}
	s := &session{raw: conn, conn: conn, replies: newReader(conn), helo: c.HELO}
	s.stop = context.AfterFunc(ctx, s.expire)
	if s.helo == "" {
		s.helo = literal(conn.LocalAddr())
	}
	return s, nil
}

// expire ends every read and write, now and later.
func (s *session) expire() { _ = s.raw.SetDeadline(time.Unix(1, 0)) } // of a closed connection: nothing to end

// literal is an address as RFC 5321 section 4.1.3 writes it.
func literal(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	switch {
	case err != nil:
		return "localhost"
	case at.Addr().Unmap().Is4():
		return fmt.Sprintf("[%s]", at.Addr().Unmap())
	}
	return fmt.Sprintf("[IPv6:%s]", at.Addr().WithZone(""))
}

// close says goodbye where that is understood, and returns how that ended.
func (s *session) close() *Problem {
	defer s.drop()
	if !s.polite {
		return nil
	}
	defer time.AfterFunc(quitPatience, s.expire).Stop()
	_, p := s.command(Quit, 2, "QUIT")
	return p
}

// drop closes the connection without a word.
func (s *session) drop() {
	s.stop()
	_ = s.conn.Close() // nothing is on its way that matters
}

// greeting reads the greeting.
func (s *session) greeting() (Reply, *Problem) { return s.read(Greeting, 2) }

// hello says EHLO, and HELO where that is refused (RFC 5321 section 4.1.4).
func (s *session) hello(step Step) (Hello, *Problem) {
	r, p := s.command(step, 2, "EHLO "+s.helo)
	if p == nil {
		return hello(r, true), nil
	}
	if p.Fault != Rejected {
		return Hello{}, p
	}
	if r, p = s.command(step, 2, "HELO "+s.helo); p != nil {
		return Hello{}, p
	}
	return hello(r, false), nil
}

// startTLS says STARTTLS, and whatever else is to stand in the same packet. What the host says in the clear behind its reply
// is no TLS: it must not be taken for a word of the inside.
func (s *session) startTLS(behind string) *Problem {
	if _, p := s.command(StartTLS, 2, "STARTTLS\r\n"+behind); p != nil {
		return p
	}
	if s.replies.waiting() {
		s.polite = false
		return &Problem{Step: Handshake, Fault: NotTLS, Detail: "the host said more in the clear behind its reply to STARTTLS"}
	}
	return nil
}

// shake makes the connection TLS.
func (s *session) shake(ctx context.Context, config *tls.Config) (tls.ConnectionState, *Problem) {
	conn := tls.Client(&metered{s.raw, budget{s.raw, maxRecords}}, config)
	s.polite = false
	if err := conn.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, handshakeProblem(err)
	}
	s.conn, s.replies, s.polite = conn, newReader(conn), true
	return conn.ConnectionState(), nil
}

// metered is a connection that is read within a budget.
type metered struct {
	net.Conn
	budget budget
}

func (m *metered) Read(p []byte) (int, error) { return m.budget.Read(p) }

// command says a line and reads the reply, which must begin with the digit wanted. The reply is returned in any case.
func (s *session) command(step Step, wanted int, line string) (Reply, *Problem) {
	if p := s.write(step, ended(line)); p != nil {
		return Reply{}, p
	}
	return s.read(step, wanted)
}

// ended is a line, or several, with CRLF at the end.
func ended(line string) string {
	if len(line) >= 2 && line[len(line)-2:] == "\r\n" {
		return line
	}
	return line + "\r\n"
}

func (s *session) write(step Step, text string) *Problem {
	if _, err := s.conn.Write([]byte(text)); err != nil {
		s.polite = false
		return problem(step, err)
	}
	return nil
}

// read reads one reply.
func (s *session) read(step Step, wanted int) (Reply, *Problem) {
	r, err := s.replies.reply()
	if err != nil {
		s.polite = false
		return Reply{}, problem(step, err)
	}
	s.polite = r.Code != 421 // RFC 5321 section 3.8: the host closes
	if f := r.fault(wanted); f != 0 {
		return r, &Problem{Step: step, Fault: f, Reply: r}
	}
	return r, nil
}
