package maillog

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpus has the lines of one submission, one delivery inwards and some noise, in the proportion of a busy server.
func corpus() [][]byte {
	return bytes.Split([]byte(`Nov 23 17:29:01 mx postfix/submission/smtpd[23011]: connect from host-7.dsl.example.net[203.0.113.80]
Nov 23 17:29:01 mx postfix/submission/smtpd[23011]: 4A1B2C3D4E: client=host-7.dsl.example.net[203.0.113.80], sasl_method=PLAIN, sasl_username=anna@example.org
Nov 23 17:29:01 mx postfix/cleanup[23013]: 4A1B2C3D4E: message-id=<CAF=ab12.cd34@mail.example.org>
Nov 23 17:29:01 mx postfix/qmgr[811]: 4A1B2C3D4E: from=<anna@example.org>, size=20331, nrcpt=2 (queue active)
Nov 23 17:29:02 mx postfix/submission/smtpd[23011]: disconnect from host-7.dsl.example.net[203.0.113.80] ehlo=2 starttls=1 auth=1 mail=1 rcpt=2 data=1 quit=1 commands=9
Nov 23 17:29:03 mx postfix/smtp[23020]: 4A1B2C3D4E: to=<bert@example.com>, relay=mx1.example.com[198.51.100.7]:25, delay=1.9, delays=0.12/0.01/0.9/0.87, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 9C0D1E2F3A)
Nov 23 17:29:03 mx postfix/smtp[23021]: 4A1B2C3D4E: to=<carl@example.net>, relay=mx.example.net[2001:db8::25]:25, delay=2.1, delays=0.12/0.02/1/0.96, dsn=5.1.1, status=bounced (host mx.example.net[2001:db8::25] said: 550 5.1.1 <carl@example.net>: Recipient address rejected: User unknown in virtual mailbox table (in reply to RCPT TO command))
Nov 23 17:29:03 mx postfix/bounce[23022]: 4A1B2C3D4E: sender non-delivery notification: 5B2C3D4E5F
Nov 23 17:29:03 mx postfix/qmgr[811]: 4A1B2C3D4E: removed
2024-11-23T17:29:04.123456+01:00 mx postfix/smtpd[23030]: NOQUEUE: reject: RCPT from unknown[192.0.2.9]: 554 5.7.1 <x@example.com>: Relay access denied; from=<spam@example.com> to=<x@example.com> proto=ESMTP helo=<ylmf-pc>
2024-11-23T17:29:04.223456+01:00 mx postfix/smtpd[23030]: warning: unknown[192.0.2.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=info
2024-11-23T17:29:05.123456+01:00 mx postfix/cleanup[23013]: 4XvKjB0mN2z1Pk: milter-reject: END-OF-MESSAGE from relay.example.com[198.51.100.9]: 4.7.1 Try again later; from=<a@example.com> to=<b@example.org> proto=ESMTP helo=<relay.example.com>
2024-11-23T17:29:05.323456+01:00 mx dovecot: imap-login: Login: user=<anna@example.org>, method=PLAIN, rip=203.0.113.80, lip=198.51.100.25, mpid=4711, TLS, session=<abc>`), []byte("\n"))
}

func BenchmarkParse(b *testing.B) { parseAll(b, corpus()) }

// BenchmarkParseEverySentence has as many rare lines as common ones.
func BenchmarkParseEverySentence(b *testing.B) {
	paths, _ := filepath.Glob("testdata/*.log")
	var lines [][]byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		lines = append(lines, bytes.Split(text, []byte("\n"))...)
	}
	parseAll(b, lines)
}

// BenchmarkParseLongForgeries has the longest lines that are looked at, made to be read again and again.
func BenchmarkParseLongForgeries(b *testing.B) {
	var lines [][]byte
	for _, s := range slots {
		for _, forgery := range forgeries[len(forgeries)-4:] {
			lines = append(lines, []byte(strings.ReplaceAll(s.line, marker, forgery[:MaxLine/2])))
		}
	}
	parseAll(b, lines)
}

func parseAll(b *testing.B, lines [][]byte) {
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	var l Line
	b.SetBytes(int64(size / len(lines)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		Parse(lines[i], &l)
		if i++; i == len(lines) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
