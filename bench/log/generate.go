package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// generate writes a log of so many lines: three mails of accounts in ten, strangers' mail, guessing, and the household's
// lines between them.
func generate(path string, lines int) (*facts, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	g := &generator{w: bufio.NewWriterSize(f, 1<<20), r: rand.New(rand.NewPCG(7, 7)), left: lines, truth: newFacts(), at: time.Now().Add(-30 * 24 * time.Hour)}
	for g.left > 0 {
		g.episode()
	}
	if err := g.w.Flush(); err != nil {
		return nil, err
	}
	return g.truth, f.Close()
}

type generator struct {
	w     *bufio.Writer
	r     *rand.Rand
	left  int
	ids   int
	at    time.Time
	truth *facts
	buf   bytes.Buffer
}

// line writes a line if there is room, and says so.
func (g *generator) line(format string, args ...any) bool {
	if g.left == 0 {
		return false
	}
	g.left--
	g.buf.Reset()
	g.buf.Write(g.at.AppendFormat(nil, time.Stamp))
	g.buf.WriteString(" mx ")
	fmt.Fprintf(&g.buf, format, args...)
	g.buf.WriteByte('\n')
	g.w.Write(g.buf.Bytes()) // its error comes with Flush
	return true
}

func (g *generator) episode() {
	g.at = g.at.Add(time.Duration(g.r.IntN(300)) * time.Millisecond)
	switch g.r.IntN(10) {
	case 0, 1, 2:
		g.mail(fmt.Sprintf("person%d", g.r.IntN(500)), fmt.Sprintf("198.51.100.%d", g.r.IntN(200)))
	case 3, 4, 5, 6:
		g.mail("", fmt.Sprintf("192.0.2.%d", g.r.IntN(250)))
	case 7, 8:
		g.guess()
	default:
		g.line("postfix/smtpd[1204]: NOQUEUE: reject: RCPT from unknown[203.0.113.%d]: 554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked using zen.example; from=<a@b.example> to=<c@example.org> proto=ESMTP helo=<b.example>", g.r.IntN(250))
	}
}

func (g *generator) guess() {
	addr := fmt.Sprintf("203.0.113.%d", g.r.IntN(250))
	g.line("postfix/submission/smtpd[1203]: connect from unknown[%s]", addr)
	if g.line("postfix/submission/smtpd[1203]: warning: unknown[%s]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=admin", addr) {
		g.truth.failed++
		g.truth.guessers[addr]++
	}
	g.line("postfix/submission/smtpd[1203]: disconnect from unknown[%s] ehlo=1 auth=0/1 quit=1 commands=2/3", addr)
}

// mail is a mail with all of its lines, or, at the end of the log, none of them.
func (g *generator) mail(account, addr string) {
	n := 1 + g.r.IntN(3)
	if g.left < 6+n {
		for g.left > 0 {
			g.line("postfix/anvil[1300]: statistics: max connection count 1 for (smtpd:203.0.113.9) at Nov 23 12:00:00")
		}
		return
	}
	g.ids++
	id := fmt.Sprintf("%X", 0x10000000000+g.ids)
	g.line("postfix/submission/smtpd[1201]: connect from host.example.net[%s]", addr)
	if account != "" {
		g.line("postfix/submission/smtpd[1201]: %s: client=host.example.net[%s], sasl_method=PLAIN, sasl_username=%s", id, addr, account)
		g.truth.accounts[account]++
	} else {
		g.line("postfix/smtpd[1202]: %s: client=host.example.net[%s]", id, addr)
	}
	g.line("postfix/cleanup[1210]: %s: message-id=<%s@client.example.net>", id, id)
	g.line("postfix/qmgr[1211]: %s: from=<sender@example.org>, size=%d, nrcpt=%d (queue active)", id, 500+g.r.IntN(50_000), n)
	for k := range n {
		switch g.r.IntN(20) {
		case 0:
			g.line("postfix/smtp[1220]: %s: to=<r%d@far.example>, relay=mx.far.example[192.0.2.25]:25, delay=1.2, delays=0.1/0/0.6/0.5, dsn=5.1.1, status=bounced (host mx.far.example[192.0.2.25] said: 550 5.1.1 no such user (in reply to RCPT TO command))", id, k)
			g.truth.bounced++
		case 1:
			g.line("postfix/smtp[1220]: %s: to=<r%d@far.example>, relay=none, delay=30, delays=0.1/0/30/0, dsn=4.4.1, status=deferred (connect to mx.far.example[192.0.2.25]:25: Connection timed out)", id, k)
			g.truth.deferred++
		default:
			g.line("postfix/smtp[1220]: %s: to=<r%d@far.example>, relay=mx.far.example[192.0.2.25]:25, delay=1.2, delays=0.1/0/0.6/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4ZZZZ%d)", id, k, k)
			g.truth.sent++
		}
	}
	g.line("postfix/qmgr[1211]: %s: removed", id)
	g.truth.removed++
	g.line("postfix/submission/smtpd[1201]: disconnect from host.example.net[%s] ehlo=2 starttls=1 auth=1 mail=1 rcpt=%d data=1 quit=1 commands=7", addr, n)
}
