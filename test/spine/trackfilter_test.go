//go:build daemons

package spine_test

import (
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-milter"
	"github.com/emersion/go-smtp"

	"postward/test/rig"
)

// The neighbours of a tracked mail: content filters behind the queue, and a milter in front of it.

// proxy is a content filter that hands each command on: Postfix hears the words of the port behind it.
func proxy(t *testing.T, back string) string {
	t.Helper()
	return serve(t, func(c net.Conn) {
		next, err := net.Dial("tcp", back)
		if err != nil {
			return
		}
		defer next.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(next, c) // the end of either side ends both
			next.Close()
		}()
		_, _ = io.Copy(c, next)
		c.Close()
		<-done
	})
}

// serve hands each connection to a function until the test ends.
func serve(t *testing.T, each func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				each(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// store is a content filter that takes a mail whole, hands it back, and tells in its own words what it heard. A header
// field makes it refuse, or put off until the world is willing.
func (w *world) store(t *testing.T, back string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &stored{w: w, back: back}, nil }))
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return l.Addr().String()
}

// stored is a session of that filter.
type stored struct {
	w          *world
	back, from string
	to         []string
}

func (s *stored) Reset()                                      { s.from, s.to = "", nil }
func (s *stored) Logout() error                               { return nil }
func (s *stored) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }
func (s *stored) Rcpt(to string, _ *smtp.RcptOptions) error   { s.to = append(s.to, to); return nil }

func (s *stored) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	switch mail := string(text); {
	case strings.Contains(mail, "X-Filter: refuse"):
		return s.deny(554, "5.7.0 the filter refuses")
	case strings.Contains(mail, "X-Filter: later") && !s.w.willing:
		return s.deny(451, "4.7.0 the filter is not ready")
	}
	said, err := handBack(s.back, s.from, s.to, text)
	if err != nil {
		return s.deny(451, "4.7.0 "+err.Error())
	}
	return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.NoEnhancedCode, Message: "2.0.0 from MTA(smtp:[" + s.back + "]): " + said}
}

func (s *stored) deny(code int, text string) error {
	for _, to := range s.to {
		s.w.denied = append(s.w.denied, rig.Denial{To: strings.ReplaceAll(to, `"`, ""), Code: code, Text: text})
	}
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}
}

// handBack gives a mail to a port and returns the reply to its end.
func handBack(addr, from string, to []string, text []byte) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return "", err
	}
	c := textproto.NewConn(conn)
	defer c.Close()
	commands := []string{"", "EHLO filter.example.org", "MAIL FROM:<" + from + ">"}
	for _, one := range to {
		commands = append(commands, "RCPT TO:<"+one+">")
	}
	for _, command := range append(commands, "DATA") {
		if command != "" {
			if err := c.PrintfLine("%s", command); err != nil {
				return "", err
			}
		}
		want := 2
		if command == "DATA" {
			want = 3
		}
		if _, _, err := c.ReadResponse(want); err != nil {
			return "", err
		}
	}
	d := c.DotWriter()
	if _, err := d.Write(text); err != nil {
		return "", err
	}
	if err := d.Close(); err != nil {
		return "", err
	}
	code, said, err := c.ReadResponse(2)
	_ = c.PrintfLine("QUIT") // nobody waits for its goodbye
	return fmt.Sprintf("%d %s", code, said), err
}

// headerMilter does what a field of the mail tells it.
type headerMilter struct {
	milter.NoOpMilter
	order string
}

func (h *headerMilter) Header(name, value string, _ *milter.Modifier) (milter.Response, error) {
	if name == "X-Milter" {
		h.order = value
	}
	return milter.RespContinue, nil
}

func (h *headerMilter) Body(m *milter.Modifier) (milter.Response, error) {
	order := h.order
	h.order = ""
	switch order {
	case "reject":
		return milter.NewResponseStr(byte(milter.ActReplyCode), "550 5.7.1 not with me"), nil
	case "tempfail":
		return milter.RespTempFail, nil
	case "discard":
		return milter.RespDiscard, nil
	case "hold":
		return milter.RespAccept, m.Quarantine("wait")
	}
	return milter.RespAccept, nil
}

func startMilter(t *testing.T, socket string) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err == nil {
		err = os.Chmod(socket, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := milter.Server{NewMilter: func() milter.Milter { return &headerMilter{} }, Actions: milter.OptQuarantine, Protocol: milter.OptNoBody}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
}
