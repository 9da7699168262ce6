package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"postward/test/rig"
)

const stranger = "203.0.113.80"

// play is all that happens to one site.
func play(ctx context.Context, parts *rig.Processes, log, dovecot string) error {
	s := &site{}
	if err := s.open(parts, log, dovecot); err != nil {
		return err
	}
	for _, act := range []struct {
		what string
		do   func(context.Context) error
	}{{"mail", s.takeMail}, {"logins", s.logIn}, {"broken sessions", s.breakOff}, {"TLS", s.speakTLS}, {"postscreen", s.screen}, {"mailboxes", s.readMail}, {"the operator", s.operate}} {
		fmt.Fprintln(os.Stderr, "versions:", act.what)
		if err := act.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", act.what, err)
		}
	}
	return s.settled(ctx)
}

// dialogue says lines to a server, each after the answer to the one before, and hangs up. It returns the answers' first words: whether
// a server that is meant to refuse does so is not judged here, the log is.
func dialogue(port int, greeted bool, say ...string) error {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	if greeted {
		if _, err := reply(conn, r); err != nil {
			return err
		}
	}
	for _, line := range say {
		if _, err := conn.Write([]byte(line)); err != nil {
			return nil // the server has had enough
		}
		if _, err := reply(conn, r); err != nil {
			return nil
		}
	}
	return nil
}

// reply reads an answer of SMTP, IMAP, POP3 or ManageSieve up to its last line.
func reply(conn net.Conn, r *bufio.Reader) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		more := len(line) > 3 && line[3] == '-' && line[0] >= '2' && line[0] <= '5' // SMTP
		more = more || strings.HasPrefix(line, "* ") && !strings.HasPrefix(line, "* OK") && !strings.HasPrefix(line, "* BYE")
		if more || strings.HasPrefix(line, `"`) {
			continue
		}
		return line, nil
	}
}

// mail is sent to Postfix by a stranger. What becomes of it stands in the log.
func (s *site) mail(ctx context.Context, subject, from string, to ...string) error {
	session, err := rig.Client{Addr: s.postfix.SMTP(), Address: stranger, Name: "a.example.net", Helo: "a.example.net"}.Open(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	session.Send(&rig.Mail{Token: rig.NewToken(), From: from, To: to, Header: "Subject: " + subject + "\r\n"})
	return nil
}

// takeMail has all that can become of a mail.
func (s *site) takeMail(ctx context.Context) error {
	for _, name := range []string{"anna", "team", "forward", "broken", "program", "busy", "everybody", "nobody-here", "held", "lost", "turned", "noted", "infoed",
		"prepended", "filtered", "later", "milter-reject", "milter-tempfail", "milter-discard"} {
		if err := s.mail(ctx, "to "+name, "erna@example.net", name+"@example.org"); err != nil {
			return err
		}
	}
	for _, subject := range []string{"hold me", "refuse me", "lose me", "warn me", "turn me", "note me", "milter hold", "milter reject"} {
		if err := s.mail(ctx, subject, "erna@example.net", "anna@example.org"); err != nil {
			return err
		}
	}
	if err := s.mail(ctx, "relayed", "erna@example.net", "somebody@far.test"); err != nil {
		return err
	}
	if err := s.mail(ctx, "bounce", "", "anna@example.org"); err != nil {
		return err
	}
	if err := s.mail(ctx, "unqualified", "erna", "anna@example.org"); err != nil {
		return err
	}
	far := []string{"gone@far.test", "late@far.test", "spam@far.test", "fine@far.test", "x@dead.test", "x@nowhere.test", "x@strict.test", "x@void.test", "x@no.test", "x@wait.test", `"a b"@far.test`}
	for _, to := range far {
		if err := s.postfix.SendMail("nobody", "anna@example.org", []byte("Subject: out\nMessage-ID: <out@example.org>\n\nx\n"), to); err != nil {
			return err
		}
	}
	return nil
}

func plain(user, secret string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + secret))
}

// logIn logs in by SMTP, rightly, wrongly, and in ways that are none.
func (s *site) logIn(ctx context.Context) error {
	for _, c := range []rig.Client{{User: "anna", Password: password + "-anna"}, {User: "bert@example.org", Password: password + "-bert", Mechanism: "LOGIN"},
		{User: "anna", Password: password + "-wrong"}, {User: "nobody@example.org", Password: password + "-x", Mechanism: "LOGIN"}, {User: `o"x, y`, Password: password + ", (a)"}} {
		c.Addr, c.Address, c.Helo = s.postfix.Submission(), stranger, "a.example.net"
		session, err := c.Open(ctx)
		if err == nil {
			session.Send(&rig.Mail{Token: rig.NewToken(), From: "anna@example.org", To: []string{"fine@far.test"}})
			session.Do("MAIL FROM:<anna@example.org> AUTH=<bert@example.org>")
			session.Do("RCPT TO:<milter-reject@far.test>")
		}
		session.Close()
	}
	for _, words := range [][]string{{"AUTH NTLM"}, {"AUTH PLAIN !!!"}, {"AUTH PLAIN", "*"}, {"AUTH LOGIN", "!!!"}, {"AUTH CRAM-MD5"}, {"AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("x"))}} {
		say := []string{"EHLO a.example.net\r\n"}
		for _, word := range words {
			say = append(say, word+"\r\n")
		}
		if err := dialogue(s.postfix.SubmissionPort, true, say...); err != nil {
			return err
		}
	}
	wrong := "AUTH PLAIN " + plain("anna", password+"-again") + "\r\n"
	if err := dialogue(s.rated, true, "EHLO a.example.net\r\n", wrong, wrong, wrong); err != nil {
		return err
	}
	return dialogue(s.postfix.SubmissionPort, true, "EHLO a.example.net\r\n", wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong)
}

// breakOff has sessions that end as they should not, or are not SMTP.
func (s *site) breakOff(context.Context) error {
	const helo, from, to = "EHLO a.example.net\r\n", "MAIL FROM:<erna@example.net>\r\n", "RCPT TO:<anna@example.org>\r\n"
	const bad = "RCPT TO:<x@far@test>\r\n"
	many := []string{"NONSENSE\r\n", "NONSENSE\r\n", "NONSENSE\r\n", "NONSENSE\r\n", "NONSENSE\r\n", "NONSENSE\r\n", "NONSENSE\r\n"}
	for _, say := range [][]string{{}, {helo}, {helo, from}, {helo, from, to}, {helo, from, to, "DATA\r\n"}, {helo, from, to, "DATA\r\n", "Subject: x\r\n\r\nhalf"},
		{helo, "GET / HTTP/1.0\r\n"}, {"HELO a b\r\n"}, {"HELO (x)\r\n"}, {helo, "MAIL FROM:<a b@example.net>\r\n"}, {helo, from, bad}, {helo, "ETRN example.org\r\n"}, {helo, "VRFY anna\r\n"},
		{helo, "MAIL FROM:<erna@example.net> SIZE=99999999\r\n"}, {helo, from, to, "BDAT 5 LAST\r\nabcde"}, {helo, from, to, "BDAT 500\r\nabc"}, {helo + from + to + "NOOP\r\n"}, append([]string{helo}, many...)} {
		if len(say) > 0 && strings.HasSuffix(say[len(say)-1], "half") || len(say) == 4 && strings.HasPrefix(say[3], "BDAT 500") {
			if err := s.hangUp(say); err != nil {
				return err
			}
			continue
		}
		if err := dialogue(s.postfix.SMTPPort, true, say...); err != nil {
			return err
		}
	}
	if err := dialogue(s.unfiltered, true, helo, from, to); err != nil {
		return err
	}
	for _, say := range [][]string{{}, {helo, from, to, "DATA\r\n"}} {
		if err := dialogue(s.hasty, true, append(say, "")...); err != nil { // "": wait until it has had enough
			return err
		}
	}
	return nil
}

// hangUp says the last line and waits for no answer.
func (s *site) hangUp(say []string) error {
	conn, err := net.DialTimeout("tcp", s.postfix.SMTP(), 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, line := range say {
		if _, err := reply(conn, r); err != nil {
			return err
		}
		if _, err := conn.Write([]byte(line)); err != nil {
			return err
		}
	}
	return nil
}

// speakTLS has TLS that works and TLS that does not.
func (s *site) speakTLS(context.Context) error {
	if err := dialogue(s.postfix.SMTPPort, true, "EHLO a.example.net\r\n", "STARTTLS\r\n", "no TLS at all\r\n\r\n\r\n\r\n"); err != nil {
		return err
	}
	for _, config := range []*tls.Config{{InsecureSkipVerify: true}, {ServerName: "mail.example.org"}} { // the second trusts nobody
		conn, err := net.Dial("tcp", s.postfix.SMTP())
		if err != nil {
			return err
		}
		r := bufio.NewReader(conn)
		for _, line := range []string{"", "EHLO a.example.net\r\n", "STARTTLS\r\n"} {
			if _, err := conn.Write([]byte(line)); err != nil {
				return errors.Join(err, conn.Close())
			}
			if _, err := reply(conn, r); err != nil {
				return errors.Join(err, conn.Close())
			}
		}
		secure := tls.Client(conn, config)
		if secure.Handshake() == nil {
			_, _ = secure.Write([]byte("QUIT\r\n"))
			_, _ = secure.Read(make([]byte, 100))
		}
		conn.Close()
	}
	return nil
}

// screen calls on postscreen as robots do.
func (s *site) screen(context.Context) error {
	const helo = "EHLO a.example.net\r\n"
	if err := dialogue(s.screened, false, helo, "MAIL FROM:<erna@example.net>\r\n", "RCPT TO:<anna@example.org>\r\n", "QUIT\r\n"); err != nil {
		return err
	}
	for _, say := range [][]string{{}, {helo, "GET / HTTP/1.0\r\n"}, {helo + "NOOP\r\nNOOP\r\n", "NOOP\r\n"}, {helo, "NOOP\n"}, {helo, "MAIL FROM:<erna@example.net>\r\n", "RCPT TO:<anna@example.org>\r\n", "DATA\r\n"},
		{helo, "STARTTLS\r\n", "no TLS at all\r\n\r\n\r\n\r\n"}} {
		if err := dialogue(s.screened, true, say...); err != nil {
			return err
		}
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.screened)) // hangs up before the greeting
	if err == nil {
		err = conn.Close()
	}
	return err
}

// readMail logs in to mailboxes.
func (s *site) readMail(context.Context) error {
	good, wrong := password+"-anna", password+"-wrong"
	for _, say := range [][]string{{"a LOGIN anna " + good, "b LOGOUT"}, {"a LOGIN anna " + wrong, "b LOGOUT"}, {"a LOGIN nobody@example.org " + wrong}, {`a LOGIN "x\"y),(z" "` + wrong + `): y"`, "b LOGOUT"},
		{"a LOGIN anna " + wrong, "a LOGIN anna " + wrong, "a LOGIN anna " + wrong}, {"a AUTHENTICATE CRAM-MD5"}, {"a AUTHENTICATE PLAIN", "*"}, {"a AUTHENTICATE PLAIN", "!!!"}, {"a AUTHENTICATE PLAIN", plain("anna", good), "b LOGOUT"},
		{"a NONSENSE", "b NONSENSE", "c NONSENSE", "d NONSENSE", "e NONSENSE", "f NONSENSE", "g NONSENSE", "h NONSENSE", "i NONSENSE", "j NONSENSE", "k NONSENSE"}, {"b LOGOUT"}, {}, {"\x16\x03\x01\x02\x00\x01"}} {
		if err := dialogue(s.imap, true, ended(say)...); err != nil {
			return err
		}
	}
	for _, say := range [][]string{{"USER anna", "PASS " + good, "QUIT"}, {"USER anna", "PASS " + wrong, "QUIT"}, {"USER nobody", "PASS " + wrong}, {"AUTH PLAIN " + plain("anna", wrong)}, {"AUTH NTLM"}, {"APOP anna 0123456789abcdef"}, {}, {"QUIT"}} {
		if err := dialogue(s.pop3, true, ended(say)...); err != nil {
			return err
		}
	}
	for _, say := range [][]string{{`AUTHENTICATE "PLAIN" "` + plain("anna", good) + `"`, "LOGOUT"}, {`AUTHENTICATE "PLAIN" "` + plain("anna", wrong) + `"`, "LOGOUT"}, {`AUTHENTICATE "NTLM"`}, {}} {
		if err := dialogue(s.sieve, true, ended(say)...); err != nil {
			return err
		}
	}
	return nil
}

func ended(say []string) []string {
	var all []string
	for _, line := range say {
		all = append(all, line+"\r\n")
	}
	return all
}

// operate does what an administrator does with a mail that waits.
func (s *site) operate(ctx context.Context) error {
	var id string
	err := waitFor("a mail to late@far.test that waits", func() error {
		queue, err := s.postfix.Queue()
		for _, mail := range queue {
			for _, to := range mail.Recipients {
				if to.Address == "late@far.test" && mail.Queue == "deferred" {
					id = mail.ID
					return nil
				}
			}
		}
		return errors.Join(err, fmt.Errorf("%d mails are there, it is none of them", len(queue)))
	})
	if err != nil {
		return err
	}
	for _, verb := range []string{"-h", "-H", "-e", "-r", "-d"} {
		which := id
		if verb == "-d" {
			which = "ALL"
		}
		// An ID that has gone is no error here: the log says what became of it.
		_ = s.postfix.Command(ctx, "postsuper", verb, which).Run()
	}
	return nil
}

// settled waits until no mail is on its way.
func (s *site) settled(ctx context.Context) error {
	return s.postfix.WaitQueue(ctx, "nothing on its way", func(queue []rig.Queued) error {
		for _, mail := range queue {
			if mail.Queue != "hold" && mail.Queue != "deferred" {
				return fmt.Errorf("%s is %s", mail.ID, mail.Queue)
			}
		}
		return nil
	})
}
