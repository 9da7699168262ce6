package maillog

import "testing"

// TestWhoAnsweredIsTold: this host, a server, or nobody.
func TestWhoAnsweredIsTold(t *testing.T) {
	for program, relays := range map[string]map[string]bool{
		"smtp":    {"mx.example.net[192.0.2.9]:25": false, "none": false, "127.0.0.1[127.0.0.1]:10024": false, "mx.example.net[2001:db8::9]:25": false},
		"local":   {"local": true},
		"virtual": {"virtual": true},
		"pipe":    {"dovecot": true, "spamfilter": true},
		"lmtp":    {"mx.example.org[private/dovecot-lmtp]": true, "127.0.0.1[127.0.0.1]:24": true},
		"error":   {"none": false},
	} {
		for relay, want := range relays {
			var l Line
			line := "2026-11-01T08:00:01Z mx postfix/" + program + "[3]: 4AAAA1: to=<a@b.example>, relay=" + relay + ", delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (no)"
			if !Parse([]byte(line), &l) || l.Kind != Delivery {
				t.Fatalf("%s: not read", line)
			}
			if l.Here() != want {
				t.Errorf("%s by %s: here %v", relay, program, !want)
			}
		}
	}
}
