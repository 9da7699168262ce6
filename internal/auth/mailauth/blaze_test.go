package mailauth

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"postward/internal/mail/canon"
	"postward/internal/wire/dns"
)

// TestMailsOfAnotherTime: real mails, with what the DNS said on their day as dinosaure/blaze keeps it. What the receiver
// of that day found stands in each; where it is otherwise here the case says why.
func TestMailsOfAnotherTime(t *testing.T) {
	dir := os.Getenv("POSTWARD_DATA")
	if dir == "" {
		t.Skip("POSTWARD_DATA names no directory with mail of others")
	}
	for _, one := range []struct {
		file, client, mailFrom string
		want                   string
	}{
		// Then spf=pass dkim=pass,pass dmarc=pass. Both signatures are rsa-sha1, which RFC 8301 forbids since 2018; SPF has
		// the author's organization, so DMARC still passes. Of iprev nothing is kept.
		{"001", "192.254.112.98", "bounces+848413-e276-romain.calascibetta=gmail.com@sgmail.github.com",
			"spf=pass helo=none iprev=permerror dkim=permerror,permerror arc=none dmarc=pass accept [relayed list forwarded signed]"},
		// Then spf=pass dkim=pass (test mode) dmarc=pass.
		{"002", "192.30.252.192", "noreply@github.com",
			"spf=pass helo=none iprev=permerror dkim=pass arc=pass dmarc=pass accept [relayed list forwarded sealed signed]"},
		// Then spf=pass dkim=pass. The policy that is kept is of a later day, and does not have this server any more.
		{"003", "38.105.200.233", "tbraibant@janestreet.com",
			"spf=fail helo=none iprev=permerror dkim=pass arc=none dmarc=pass accept [relayed forwarded signed]"},
		// Then spf=pass dkim=pass dmarc=pass.
		{"004", "216.218.240.121", "ocaml+verp-cdef9eaa098cd788943a4314c682b75a@discoursemail.com",
			"spf=pass helo=none iprev=permerror dkim=pass arc=pass dmarc=pass accept [relayed list forwarded sealed signed]"},
	} {
		text, err := os.ReadFile(dir + "/suite-blaze/" + one.file + ".mail")
		if err != nil {
			t.Fatal(err)
		}
		header, body := parse(string(text))
		c := house(t)
		c.Resolver = cached{dir: dir + "/suite-blaze/cache/"}
		m := c.Begin(t.Context(), Session{Client: netip.MustParseAddr(one.client), Helo: "h", MailFrom: one.mailFrom})
		m.Header(header, false)
		m.Write([]byte(body))
		r := m.End(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
		if got := r.told(); got != one.want {
			t.Errorf("%s:\n     %s\nwant %s\n%+v\n%+v", one.file, got, one.want, r.DKIM, r.MailFrom)
		}
	}
}

// parse is a mail's header section and its body, with CRLF.
func parse(text string) (header []canon.Field, body string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if n := len(header); n > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
			header[n-1].Value += "\r\n" + line
			continue
		}
		header = append(header, field(line))
	}
	return header, body
}

// cached answers from files, one a name.
type cached struct {
	dns.Resolver
	dir string
}

func (c cached) Lookup(_ context.Context, name string, kind dns.Type) dns.Answer {
	text, err := os.ReadFile(c.dir + strings.TrimSuffix(name, ".") + ".dns")
	if err != nil {
		return dns.Answer{Outcome: dns.NoName}
	}
	a := dns.Answer{Outcome: dns.NoData}
	for line := range strings.Lines(string(text)) {
		switch word, value, _ := strings.Cut(strings.TrimSpace(line), ":"); {
		case word == "txt" && kind == dns.TXT:
			a.Outcome, a.Texts = dns.Answered, append(a.Texts, value)
		case word == "a" && kind == dns.A:
			if addr, err := netip.ParseAddr(strings.TrimSpace(value)); err == nil {
				a.Outcome, a.Addrs = dns.Answered, append(a.Addrs, addr)
			}
		}
	}
	return a
}
