package world

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
)

// Bounds of a session, and of a message in octets.
const (
	maxLine    = 2048
	maxWrong   = 20
	maxMessage = 1 << 20
)

var (
	errLong = errors.New("line too long")
	errBye  = errors.New("the session is over")
)

// session is one connection.
type session struct {
	server *SMTP
	conn   net.Conn
	in     *bufio.Reader
	tls    uint16
	helo   string
	from   *string // nil before MAIL
	to     []string
	wrong  int
}

func (s *SMTP) serve(conn net.Conn) {
	t := &session{server: s, conn: conn, in: bufio.NewReaderSize(conn, maxLine)}
	switch s.config.Fault {
	case SilentSMTP:
		_, _ = t.in.WriteTo(nowhere{}) // until the client hangs up
		return
	case NotSMTP:
		_, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"))
		_, _ = t.line()
		return
	case Greeting554:
		t.reply("554 %s ESMTP not accepting messages", s.banner())
	default:
		t.reply("220 %s ESMTP Postfix", s.banner())
	}
	for t.wrong < maxWrong {
		line, err := t.line()
		if errors.Is(err, errLong) {
			t.error("500 5.5.2 Error: line too long")
			continue
		}
		if err != nil || t.command(strings.TrimRight(line, "\r\n")) != nil {
			return
		}
	}
	t.reply("421 4.7.0 %s Error: too many errors", s.config.Name)
}

// nowhere takes everything.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// line reads up to LF. One that is too long is read to its end.
func (t *session) line() (string, error) {
	line, err := t.in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return string(line), err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = t.in.ReadSlice('\n')
	}
	if err != nil {
		return "", err
	}
	return "", errLong
}

func (t *session) reply(format string, args ...any) {
	if t.server.config.Fault == SlowSMTP && !t.server.wait(t.server.config.Wait) {
		return
	}
	_, _ = fmt.Fprintf(t.conn, format+"\r\n", args...) // the next read says that nobody is there
}

func (t *session) error(format string, args ...any) {
	t.wrong++
	t.reply(format, args...)
}

// command answers one line. An error ends the session.
func (t *session) command(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	if t.server.config.Fault == Greeting554 && verb != "QUIT" { // RFC 5321 section 3.1
		t.error("503 5.5.1 Error: no service")
		return nil
	}
	switch verb {
	case "HELO", "EHLO":
		t.hello(verb, rest)
	case "STARTTLS":
		return t.starttls(rest)
	case "AUTH":
		t.auth()
	case "MAIL":
		t.mail(rest)
	case "RCPT":
		t.rcpt(rest)
	case "DATA":
		return t.data()
	case "RSET":
		t.from, t.to = nil, nil
		t.reply("250 2.0.0 Ok")
	case "NOOP":
		t.reply("250 2.0.0 Ok")
	case "VRFY":
		t.error("502 5.5.1 VRFY command is disabled")
	case "QUIT":
		t.reply("221 2.0.0 Bye")
		return errBye
	default:
		t.error("500 5.5.2 Error: command not recognized")
	}
	return nil
}

func (t *session) hello(verb, name string) {
	if name == "" {
		t.error("501 Syntax: %s hostname", verb)
		return
	}
	t.helo, t.from, t.to = name, nil, nil
	if verb == "HELO" {
		t.reply("250 %s", t.server.banner())
		return
	}
	lines := []string{t.server.banner(), "PIPELINING", "SIZE " + fmt.Sprint(maxMessage), "STARTTLS", "AUTH PLAIN LOGIN",
		"ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8"}
	lines = slices.DeleteFunc(lines, func(line string) bool {
		return line == "STARTTLS" && !t.offersTLS() || line == "AUTH PLAIN LOGIN" && !t.offersAuth()
	})
	t.reply("250-%s\r\n250 %s", strings.Join(lines[:len(lines)-1], "\r\n250-"), lines[len(lines)-1])
}

func (t *session) offersTLS() bool { return t.tls == 0 && t.server.config.Fault != NoSTARTTLS }

// offersAuth: a server for the world's mail has nobody to log in.
func (t *session) offersAuth() bool { return t.server.config.Fault == AuthWithoutTLS }

// starttls is RFC 3207: what was known is forgotten, and what the client sent along in the clear is thrown away.
func (t *session) starttls(rest string) error {
	switch {
	case t.server.config.Fault == NoSTARTTLS:
		t.error("502 5.5.1 Error: command not implemented")
		return nil
	case t.server.config.Fault == TLSFails:
		t.error("454 4.7.0 TLS not available due to local problem")
		return nil
	case t.tls != 0:
		t.error("554 5.5.1 Error: TLS already active")
		return nil
	case rest != "":
		t.error("501 5.5.4 Syntax: STARTTLS")
		return nil
	}
	var behind []byte // a bug of many servers in 2011, CVE-2011-0411
	if t.server.config.Fault == STARTTLSInjection {
		behind, _ = t.in.Peek(t.in.Buffered()) // of what is there already: cannot fail
		behind = bytes.Clone(behind)
	}
	t.reply("220 2.0.0 Ready to start TLS")
	secure := tls.Server(t.conn, t.server.tls)
	if err := secure.Handshake(); err != nil {
		return err
	}
	t.conn, t.tls = secure, secure.ConnectionState().Version
	t.in = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(behind), secure), maxLine)
	t.helo, t.from, t.to = "", nil, nil
	return nil
}

// auth lets nobody in, and does not look at what it is told.
func (t *session) auth() {
	switch {
	case !t.offersAuth():
		t.error("503 5.5.1 Error: authentication not enabled")
	case t.helo == "":
		t.error("503 5.5.1 Error: send HELO/EHLO first")
	default:
		t.error("535 5.7.8 Error: authentication failed: authentication failure")
	}
}
