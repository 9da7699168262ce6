package dnsbl

import (
	"net/netip"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"postward/internal/lists/facts"
	"postward/internal/wire/dns"
)

// FuzzLists holds what is true of every file of lists: no panic; either every error names file and line, or each
// list is whole and can be asked, shown and found.
func FuzzLists(f *testing.F) {
	f.Add([]byte("lists:\n- name: mine\n  title: Ours\n  role: block\n  kinds: [ip4]\n  zones: [bl.example.org]\n  codes: {127.0.0.2: listed, bit 4: x, other: y}\n"))
	f.Add([]byte("lists:\n- name: spamcop\n  status: {state: dead, since: 2024}\n  test: {listed: none}\n"))
	f.Add([]byte("lists: &a [*a]\n"))
	for _, part := range strings.SplitAfter(string(embedded), "\n\n") {
		f.Add([]byte("lists:\n" + part))
	}
	base := load(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &Set{lists: base.All(), byName: make(map[string]*List), byZone: make(map[string]*List)}
		for _, l := range s.lists {
			s.byName[l.Name] = l
		}
		if err := s.read("f.yaml", data); err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, "f.yaml:") && !strings.HasPrefix(line, "lists.yaml:") || strings.ContainsFunc(line, unicode.IsControl) {
					t.Errorf("error %q", line)
				}
			}
			return
		}
		s.index()
		c := New(nil, Options{})
		for _, l := range s.All() {
			if s.ByName(l.Name) != l || l.Title == "" || len(l.Facts()) == 0 {
				t.Errorf("%+v", l)
			}
			if c.Refuses(l) == "" && !validZone(c.Zone(l), true) {
				t.Errorf("zone %q", c.Zone(l))
			}
			_ = l.read(an("127.0.0.2", "127.0.0.255"))
			_ = l.probes(l.mainKind())
		}
	})
}

// FuzzAnswers holds what is true of every answer at every list: an outcome, a reason for all but two, nothing but
// 127.0.0.0/8 is a listing, 127.255.255.0/24 never is.
func FuzzAnswers(f *testing.F) {
	f.Add(uint16(0), []byte{127, 0, 0, 2, 127, 0, 0, 4}, byte(dns.Answered))
	f.Add(uint16(50), []byte{127, 255, 255, 254}, byte(dns.Answered))
	f.Add(uint16(7), []byte{198, 51, 100, 1}, byte(dns.Refused))
	lists := load(f).All()
	f.Fuzz(func(t *testing.T, which uint16, octets []byte, outcome byte) {
		l := lists[int(which)%len(lists)]
		a := dns.Answer{Outcome: dns.Outcome(outcome % 8)}
		outside, refused := false, false
		for ; len(octets) >= 4 && a.Outcome == dns.Answered; octets = octets[4:] {
			addr := netip.AddrFrom4([4]byte(octets))
			a.Addrs = append(a.Addrs, addr)
			outside = outside || octets[0] != 127
			refused = refused || octets[0] == 127 && octets[1] == 255 && octets[2] == 255
		}
		r := l.read(a)
		if r.outcome == "" || r.outcome == NotAsked || (r.why == "") != (r.outcome == Listed || r.outcome == Clear) || len(r.said) > maxSaid {
			t.Errorf("%s: %+v", l.Name, r)
		}
		if (outside || refused) && r.outcome != Lies && r.outcome != Refused {
			t.Errorf("%s: %v is %s", l.Name, a.Addrs, r.outcome)
		}
		if r.outcome == Listed && a.Outcome != dns.Answered {
			t.Errorf("%s: %s is a listing", l.Name, a.Outcome)
		}
		condition, _ := l.judge(answersAt{listed: &a, unlisted: &a}, l.probes(l.mainKind()))
		if condition == Sound && r.outcome == Listed {
			t.Errorf("%s: listed at both points, and sound", l.Name)
		}
	})
}

// FuzzCode holds: what is read matches its own ends and nothing outside of 127.0.0.0/8.
func FuzzCode(f *testing.F) {
	for _, text := range []string{"127.0.0.2", "127.0.*.0-3", "bit 64", "other", "127.0.0.02", "1-255.0.0.1"} {
		f.Add(text, []byte{127, 0, 0, 2})
	}
	f.Fuzz(func(t *testing.T, text string, octets []byte) {
		c, err := parseCode(text)
		if err != nil || len(octets) < 4 {
			return
		}
		if !c.other && c.bit == 0 && (!c.matches(c.low) || !c.matches(c.high)) {
			t.Errorf("%q does not match its ends", text)
		}
		if c.matches([4]byte(octets)) && octets[0] != 127 {
			t.Errorf("%q matches %v", text, octets[:4])
		}
	})
}

// FuzzReason holds: a stranger's text becomes printable, short, and without the key.
func FuzzReason(f *testing.F) {
	const secret = "k3yk3yk3yk3y"
	f.Add("\x1b[31m<b>\x00\u202e" + strings.ToUpper(secret))
	f.Add(strings.Repeat(secret, 500))
	f.Add("k3yk3y" + secret + "k3yk3y")
	k, err := NewKey(secret)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shown := facts.Printable(k.hide(facts.Printable(text, 4096)), maxReason)
		if len(shown) > maxReason || !utf8.ValidString(shown) || strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", shown)
		}
		if strings.Contains(lower(shown), secret) {
			t.Errorf("the key is in %q", shown)
		}
	})
}
