//go:build daemons

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// shape is a line with nothing in it that differs from session to session: no stamp, no number, no name, and no XCLIENT, by which
// the test says from where it comes.
func shape(line string) string {
	for _, r := range shaping {
		line = r.from.ReplaceAllString(line, r.to)
	}
	return line
}

var shaping = func() (all []replacing) {
	for _, r := range [][2]string{
		{`^.*? (postfix/|auth[:(])`, "$1"}, {`^dovecot: `, ""}, {`Info: `, ""}, {` xclient=\S+`, ""}, {` commands=\S+`, ""}, {` starttls=1`, ""},
		{`[^ ]+\[[0-9a-f.:]+\]`, "CLIENT"}, {`sasl_username=\S+`, "sasl_username=U"}, {`passwd-file\([^,]*,[^,)]+\)`, "passwd-file(U,A)"},
		{`auth\([^,]*,[^,)]+,`, "auth(U,A,"}, {`<[^>]*>`, "<X>"}, {`[0-9A-F]{8,}:`, "ID:"}, {`[0-9]+`, "N"}, {`auth=N/N`, "auth=N"}, {`PLAIN|LOGIN`, "MECH"},
	} {
		all = append(all, replacing{regexp.MustCompile(r[0]), r[1]})
	}
	return all
}()

type replacing struct {
	from *regexp.Regexp
	to   string
}

// The sentences about logins, as the Postfix and the Dovecot of this machine write them, are in the generated log.
func TestSentencesAreThoseOfRealDaemons(t *testing.T) {
	site := rig.TestSite(t, rig.PostfixConfig{}, map[string]string{"anna@example.org": "right"})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, c := range []rig.Client{{Password: "wrong"}, {Password: "wrong", Mechanism: "LOGIN"}, {User: "nobody", Password: "x"}, {Password: "right"}} {
		c.Addr, c.Address = site.Postfix.Submission(), "203.0.113.7"
		if c.User == "" {
			c.User = "anna@example.org"
		}
		if s, err := c.Open(ctx); err == nil {
			s.Send(&rig.Mail{From: "anna@example.org", To: []string{"friend@example.com"}, Body: "x\r\n"})
			s.Close()
		}
	}
	stranger(ctx, t, site.Postfix.SMTP(), func(s *rig.Session) { s.Do("AUTH LOGIN"); s.Do("AUTH PLAIN eA=="); s.Close() })
	stranger(ctx, t, site.Postfix.SMTP(), func(s *rig.Session) {
		s.Do("MAIL FROM:<x@example.net>")
		s.Do("RCPT TO:<spam@example.com>")
		s.Close()
	})
	stranger(ctx, t, site.Postfix.SMTP(), func(s *rig.Session) { s.Abort() })
	stranger(ctx, t, site.Postfix.Submission(), func(s *rig.Session) { s.Do("AUTH LOGIN"); s.Abort() })
	err := rig.Wait(ctx, "the end of the last session", func() error {
		if text, err := os.ReadFile(site.Postfix.LogPath); err != nil || !bytes.Contains(text, []byte("lost connection after AUTH")) {
			return fmt.Errorf("it is not in the log: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	real := realLines(t, site)
	made := map[string]bool{}
	log, _ := small(t, ofThisMachine(t))
	for line := range bytes.Lines(log) {
		if about.Match(line) {
			made[shape(strings.TrimSpace(string(line)))] = true
		}
	}
	seen := 0
	for _, line := range real {
		if seen++; !made[shape(line)] {
			t.Errorf("no line of the generated log is like\n%s\n%s", line, shape(line))
		}
	}
	if seen < 25 {
		t.Errorf("only %d lines were compared: the test looks in the wrong place", seen)
	}
}

func stranger(ctx context.Context, t *testing.T, addr string, f func(*rig.Session)) {
	t.Helper()
	s, err := rig.Client{Addr: addr, Address: "203.0.113.8"}.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	f(s)
}

// ofThisMachine is the form of the daemons that are installed.
func ofThisMachine(t *testing.T) *form {
	t.Helper()
	version, err := os.ReadFile("/etc/debian_version")
	if err != nil {
		t.Skip("the forms are Debian's")
	}
	if bytes.HasPrefix(version, []byte("12")) {
		return forms[0]
	}
	return forms[1]
}

// about is what is compared: sessions, logins and refusals.
var about = regexp.MustCompile(`smtpd\[\d+\]: (?:connect|disconnect|warning|NOQUEUE|lost|[0-9A-F]+: client)|passwd-file`)

// realLines are those of logins, sessions and refusals, when the daemons have ended.
func realLines(t *testing.T, site *rig.Site) (all []string) {
	t.Helper()
	if err := site.Postfix.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{site.Postfix.LogPath, site.Dovecot.LogPath} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if own := strings.Contains(line, "localhost[127.0.0.1]") && !strings.Contains(line, ": connect"); about.MatchString(line) && !own {
				all = append(all, strings.TrimSpace(line))
			}
		}
	}
	return all
}
