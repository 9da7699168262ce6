package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// host is a small SMTP server on loopback that has one fault, or none.
type host struct {
	banner   string                          // raw; empty: an ordinary one
	ehlo     string                          // raw reply to EHLO in the clear; empty: an ordinary one
	secure   string                          // raw reply to EHLO inside TLS; empty: an ordinary one
	starttls string                          // raw reply to STARTTLS; empty: 220 and TLS
	tls      *tls.Config                     // nil: STARTTLS is not offered by the ordinary reply
	eager    bool                            // obeys inside TLS what was said in the clear behind STARTTLS
	instead  map[string]func(*net.TCPConn)   // what to do at a step instead of answering: "connect", "EHLO", …
	answer   func(c *talk, line string) bool // further commands; false: unknown to it

	mu           sync.Mutex
	conns, quits int
}

// talk is one conversation of a host.
type talk struct {
	net.Conn
	in     *bufio.Reader
	inside bool
}

func (c *talk) say(text string) { _, _ = c.Write([]byte(text)) } // who asked may be gone

// serve starts the host; it ends with the test.
func (h *host) serve(t testing.TB) Target {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			h.count(&h.conns)
			all.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				h.converse(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		cancel()
		all.Wait()
	})
	return Target{Addr: netip.MustParseAddrPort(listener.Addr().String()), Name: "mx.example.org"}
}

func (h *host) count(n *int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*n++
}

func (h *host) counts() (conns, quits int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conns, h.quits
}

func or(text, ordinary string) string {
	if text == "" {
		return ordinary
	}
	return text
}

func (h *host) converse(conn *net.TCPConn) {
	c := &talk{Conn: conn, in: bufio.NewReader(conn)}
	if act := h.instead["connect"]; act != nil {
		act(conn)
		return
	}
	c.say(or(h.banner, "220 mx.example.org ESMTP ready\r\n"))
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, _, _ := strings.Cut(line, " ")
		if c.inside {
			verb += " inside"
		}
		if act := h.instead[verb]; act != nil {
			act(conn)
			return
		}
		if !h.obey(c, verb, line) {
			return
		}
	}
}

// obey answers one command; false ends the conversation.
func (h *host) obey(c *talk, verb, line string) bool {
	switch verb {
	case "EHLO":
		offer := ""
		if h.tls != nil {
			offer = "250-STARTTLS\r\n"
		}
		c.say(or(h.ehlo, "250-mx.example.org\r\n"+offer+"250-PIPELINING\r\n250-SIZE 10240000\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n"))
	case "EHLO inside":
		c.say(or(h.secure, "250-mx.example.org\r\n250-AUTH PLAIN LOGIN\r\n250 PIPELINING\r\n"))
	case "HELO", "HELO inside", "NOOP", "NOOP inside":
		c.say("250 mx.example.org\r\n")
	case "STARTTLS":
		return h.startTLS(c)
	case "QUIT", "QUIT inside":
		h.count(&h.quits)
		c.say("221 2.0.0 bye\r\n")
		return false
	default:
		if h.answer == nil || !h.answer(c, line) {
			c.say("502 5.5.2 unknown\r\n")
		}
	}
	return true
}

func (h *host) startTLS(c *talk) bool {
	c.say(or(h.starttls, "220 2.0.0 go ahead\r\n"))
	if h.starttls != "" && !strings.HasPrefix(h.starttls, "2") {
		return true
	}
	behind := c.in
	inside := tls.Server(c.Conn, h.tls)
	if h.tls == nil || inside.Handshake() != nil {
		return false
	}
	c.Conn, c.inside, c.in = inside, true, bufio.NewReader(inside)
	if h.eager {
		line, _ := behind.Peek(behind.Buffered())
		c.in = bufio.NewReader(&both{strings.NewReader(string(line)), inside})
	}
	return true
}

// both reads what was said before, then what is said now.
type both struct {
	before *strings.Reader
	now    net.Conn
}

func (b *both) Read(p []byte) (int, error) {
	if b.before.Len() > 0 {
		return b.before.Read(p)
	}
	return b.now.Read(p)
}

// What a host does instead of answering.
func reset(c *net.TCPConn)  { _ = c.SetLinger(0); _ = c.Close() }
func hangUp(c *net.TCPConn) { _ = c.Close() }
func silent(c *net.TCPConn) { drain(c) }

// drain reads until the other side is gone.
func drain(c net.Conn) {
	for p := make([]byte, 4096); ; {
		if _, err := c.Read(p); err != nil {
			return
		}
	}
}

// says says something, and then nothing.
func says(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_, _ = c.Write([]byte(text))
		drain(c)
	}
}

// forever says something again and again, as fast as it is read.
func forever(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		for {
			if _, err := c.Write([]byte(text)); err != nil {
				return
			}
		}
	}
}

// drop by drop: one octet every few milliseconds, which a deadline that is set anew for each read never ends.
func dropwise(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i = (i + 1) % len(text) {
			<-tick.C
			if _, err := c.Write([]byte{text[i]}); err != nil {
				return
			}
		}
	}
}
