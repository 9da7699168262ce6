package reply

import (
	"strings"
	"testing"
	"unicode"
)

const (
	gmailText  = "550-5.7.1 Our system has detected that this message is 550-5.7.1 likely suspicious due to the very low reputation of the sending 550 5.7.1 domain. https://support.google.com/mail/answer/188131 - gsmtp"
	atGoogle   = "host aspmx.l.google.com[142.250.27.27] said: "
	elsewhere  = "host mx.evil.example[192.0.2.66] said: "
	endOfData  = " (in reply to end of DATA command)"
	bluewinURL = "554 5.7.1 Rejected, blacklisted by bluewin: see "
)

func read(t *testing.T, s *Set, logged, relay string) *Meaning {
	t.Helper()
	return s.Read(Parse([]byte(logged), relay))
}

// TestADomainHostedAtGoogleIsGoogle: its MX says so, whatever the recipient's domain.
func TestADomainHostedAtGoogleIsGoogle(t *testing.T) {
	m := read(t, load(t), atGoogle+gmailText+endOfData, "")
	if m.Receiver != "gmail" || m.Class != Domain || m.Pattern != "gmail-rep-domain" || m.ByText || m.Like != "" || !strings.HasPrefix(m.Own, "https://support.google.com/") {
		t.Errorf("%+v", m)
	}
}

// TestTheHostDecidesWhoSpeaks: Gmail's words at another host are that host's, and Gmail's advice is not given.
func TestTheHostDecidesWhoSpeaks(t *testing.T) {
	s := load(t)
	m := read(t, s, elsewhere+gmailText+endOfData, "")
	if m.Receiver != "evil.example" || m.Class != Domain || m.Link+m.Own != "" || strings.Contains(m.Do, "Gmail") {
		t.Errorf("words that many use: %+v", m)
	}
	m = read(t, s, elsewhere+"421-4.7.28 Gmail has detected an unusual rate of mail originating from your 421 4.7.28 IP address"+endOfData, "")
	if m.Receiver != "evil.example" || m.Like != "gmail" || m.Class != Rate || m.Link+m.Own != "" || m.Action != "review" {
		t.Errorf("words of its own: %+v", m)
	}
	for _, host := range []string{"google.com.evil.example", "notgoogle.com", "mx.google.com.br.example"} {
		if m := read(t, s, gmailText, host); m.Receiver == "gmail" {
			t.Errorf("%s is taken for Gmail", host)
		}
	}
}

// TestTheTextAloneNamesAReceiverAndSaysSo: where no host is known.
func TestTheTextAloneNamesAReceiverAndSaysSo(t *testing.T) {
	if m := read(t, load(t), gmailText, ""); m.Receiver != "gmail" || !m.ByText || m.Own != "" {
		t.Errorf("%+v", m)
	}
}

// TestOnlyAReceiversOwnLinkIsAdvice: from his own host, to his own domains, over https, and to no other place by a trick.
func TestOnlyAReceiversOwnLinkIsAdvice(t *testing.T) {
	s := load(t)
	own := "https://postmaster.bluewin.ch/unblock?ip=192.0.2.1"
	if m := read(t, s, bluewinURL+own+".", "mxbw.bluewin.ch"); m.Own != own || m.Receiver != "bluewin" {
		t.Errorf("%+v", m)
	}
	for _, link := range []string{"http://postmaster.bluewin.ch/", "https://bluewin.ch.evil.example/", "https://bluewin.ch@evil.example/", "https://evil.example/?bluewin.ch",
		"https://evil.example\\@bluewin.ch/", "https://bluewin.ch:8443/", "https://evilbluewin.ch/", "https://evil.example#.bluewin.ch", "https://%62luewin.ch.evil.example/"} {
		if m := read(t, s, bluewinURL+link, "mxbw.bluewin.ch"); m.Own != "" || strings.Contains(m.Link+m.Do, "evil") {
			t.Errorf("%s: %+v", link, m)
		}
	}
	if m := read(t, s, bluewinURL+own, "mx.evil.example"); m.Own != "" || m.Link != "" {
		t.Errorf("from another host: %+v", m)
	}
}

// TestAHostileReplyIsShownHarmless: escapes, HTML, directions, 64 kB.
func TestAHostileReplyIsShownHarmless(t *testing.T) {
	s := load(t)
	for _, text := range []string{
		"550 5.7.1 \x1b[2J\x1b]0;owned\x07 spam \x9b31m", "550 <script>alert(1)</script> spam detected", "550 \u202egnol\u2066 spam\r\n250 ok",
		"550 5.7.1 " + strings.Repeat("<a href=https://evil.example/>spam</a> ", 1700), "550 " + strings.Repeat("\xff", 70000), strings.Repeat("5", 70000),
	} {
		p := Parse([]byte(elsewhere+text+endOfData), "")
		if len(p.Text) > maxShown || len(p.words) > maxRead+8 || strings.ContainsFunc(p.Text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%.40q: shown %q, %d octets matched", text, p.Text, len(p.words))
		}
		if p.Code != "" && p.Command != "end of DATA" {
			t.Errorf("%.40q answers %q", text, p.Command)
		}
		if m := s.Read(p); m.Link+m.Own != "" || strings.Contains(m.Do+m.Means, "evil.example/") {
			t.Errorf("%.40q: %+v", text, m)
		}
	}
}

// TestTheCodeSpeaksOnlyWhereItIsSure: what no pattern knows.
func TestTheCodeSpeaksOnlyWhereItIsSure(t *testing.T) {
	s := load(t)
	for text, want := range map[string]struct {
		class   Class
		unknown bool
	}{
		"550 5.1.1 Nope": {User, false}, "552 5.2.2 Nope": {Mailbox, false}, "550 5.7.23 Nope": {Authentication, false}, "530 5.7.10 Nope": {TLS, false},
		"550 5.7.1 Nope": {Policy, true}, "550 Nope": {Other, true}, "451 4.3.0 Nope": {Other, false}, "554 5.0.0 Nope": {Other, true},
		"Cannot start TLS: handshake failure": {TLS, false}, "connect to x[192.0.2.1]:25: No route to host": {Other, false}, "250 2.0.0 spam detected": {"", false},
	} {
		if m := read(t, s, text, "mx.example.org"); m.Class != want.class || m.Unknown() != want.unknown {
			t.Errorf("%s: %+v", text, m)
		}
	}
}

// TestAReaderRemembersAndForgets: the same meaning, and not more than it may.
func TestAReaderRemembersAndForgets(t *testing.T) {
	r := NewReader(load(t))
	p := Parse([]byte(atGoogle+gmailText), "")
	if m := r.Read(p); r.Read(p) != m {
		t.Error("read twice")
	}
	for i := range 5 * remembered {
		r.Read(Parse([]byte("550 5.7.1 "+strings.Repeat("x", i%700)+" spam"), "mx.example.org"))
		if len(r.now)+len(r.old) > 2*remembered {
			t.Fatalf("%d are kept", len(r.now)+len(r.old))
		}
	}
}

func BenchmarkRead(b *testing.B) {
	s := load(b)
	all := texts(s)
	for i := 0; b.Loop(); i++ {
		s.Read(Parse([]byte(all[i%len(all)]), "mx.example.org"))
	}
}

// TestWhatIsRememberedIsOfTheSameReply: neither a code nor a link is another reply's, though the words are the same.
func TestWhatIsRememberedIsOfTheSameReply(t *testing.T) {
	s := load(t)
	r := NewReader(s)
	for _, logged := range []string{"200", "200\a", "200\x00x", "250 ok", "250ok",
		"host mxbw.bluewin.ch[192.0.2.1] said: 554 see https://postmaster.bluewin.ch/A (in reply to RCPT TO command)",
		"host mxbw.bluewin.ch[192.0.2.1] said: 554 see https://postmaster.bluewin.ch/a (in reply to RCPT TO command)"} {
		for range 2 {
			p := Parse([]byte(logged), "")
			if is, want := r.Read(p), s.Read(p); is.Class != want.Class || is.Own != want.Own || is.Pattern != want.Pattern {
				t.Errorf("%q: %+v, remembered %+v", logged, want, is)
			}
		}
	}
}
