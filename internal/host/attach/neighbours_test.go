//go:build daemons

package attach

import (
	"io"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/emersion/go-milter"
	gosmtp "github.com/emersion/go-smtp"
)

// The neighbours of the machine's Postfix: the operator's milter, his content filter, and whoever stands for
// postward.

// marker is the operator's own milter.
type marker struct{ milter.NoOpMilter }

func (marker) Body(m *milter.Modifier) (milter.Response, error) {
	return milter.RespAccept, m.AddHeader("X-Marked", "yes")
}

// counter stands for postward in shadow mode: it only counts the mails it sees.
type counter struct {
	milter.NoOpMilter
	*tally
}

type tally struct {
	sync.Mutex
	mails int
}

func (c counter) Body(*milter.Modifier) (milter.Response, error) {
	c.Lock()
	defer c.Unlock()
	c.mails++
	return milter.RespAccept, nil
}

func startMilter(t *testing.T, socket string, m milter.Milter) {
	t.Helper()
	mkdir(t, filepath.Dir(socket))
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	s := milter.Server{NewMilter: func() milter.Milter { return m }, Actions: milter.OptAddHeader}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
}

// scanner is the content filter: it marks each mail and hands it back on port 10025.
type scanner struct {
	from string
	to   []string
}

func startScanner(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:10024")
	if err != nil {
		t.Fatal(err)
	}
	s := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return &scanner{}, nil }))
	s.Domain = "scanner.example.org"
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
}

func (s *scanner) Reset()        { s.from, s.to = "", nil }
func (s *scanner) Logout() error { return nil }
func (s *scanner) Mail(from string, _ *gosmtp.MailOptions) error {
	s.from = from
	return nil
}
func (s *scanner) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}
func (s *scanner) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return smtp.SendMail("127.0.0.1:10025", nil, s.from, s.to, append([]byte("X-Scanned: yes\r\n"), text...))
}
