package logins

import (
	"net/netip"
	"testing"
)

// FuzzClientOf holds the reading of addresses against netip's.
func FuzzClientOf(f *testing.F) {
	for _, s := range []string{"", "203.0.113.9", "0.0.0.0", "255.255.255.255", "256.1.1.1", "01.2.3.4", "1.2.3", "1.2.3.4.", "1.2.3.4.5", "1..2.3", "1.2.3.0001",
		"2001:db8::1", "::ffff:203.0.113.9", "fe80::1%eth0", "::", "unknown", "/run/dovecot/login"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := netip.ParseAddr(s)
		if want = want.Unmap(); err != nil {
			want = netip.Addr{}
		}
		if got := clientOf([]byte(s)); got != want {
			t.Errorf("%q: %s, not %s", s, got, want)
		}
	})
}
