package doveadm

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestOnlyANameOfOneAccountBecomesAnArgument(t *testing.T) {
	for _, name := range []string{"anna", "anna@example.org", "a.b-c_d+e@x--y.example", "o'neil@example.org", "groß@exämple.org", "1@example.org", "007james", "10.0.0.1.5", "-@x"[1:], "0x", "x7", "7", "1001", "9999999"} {
		if got, err := ParseAccount(name); got != name || err != nil {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	for _, name := range []string{
		"", "-", "-A", "--help", "*", "anna*", "?nna", "an na", "an\tna", "anna\n", "anna\x00", "\x1b[2J", "a\\b", `"a b"@x`, "a/b", "0.0.0.0/0", "::1", "::/0", "a:b",
		"\u202eanna", "a\xff", strings.Repeat("a", maxAccount+1), "a,b", "a;b", "<a>",
	} {
		if got, err := ParseAccount(name); got != "" || !errors.Is(err, errGrammar) {
			t.Errorf("%q: %q %v", name, got, err)
		}
	}
	for _, name := range []string{"10.0.0.1", "10.1", "0xcb007109", "203.0.28937", "0x7f.1", "0177.1", "4294967296", "99999999999999999999", "10000000", "08.1"} {
		if got, err := ParseAccount(name); got != "" || !errors.Is(err, errNumeric) {
			t.Errorf("%q, which doveadm reads as an address: %q %v", name, got, err)
		}
	}
}

func TestATableIsReadByItsHead(t *testing.T) {
	anna := Session{Account: "anna@example.org", Protocol: "imap", PID: 11, Client: netip.MustParseAddr("203.0.113.9")}
	for _, table := range []string{
		"username\tproto\tpid\tip\nanna@example.org\timap\t11\t203.0.113.9\n",
		"username\tproto\tpid\tip\tdest_ip\nanna@example.org\timap\t11\t::ffff:203.0.113.9\t\n",      // more columns
		"username\tservice\tpid\tip\tdest_ip\nanna@example.org\timap\t11\t203.0.113.9\t192.0.2.25\n", // 2.4
		"ip\tpid\tusername\tproto\n203.0.113.9\t11\tanna@example.org\timap",
	} {
		if got := readSessions(table); !slices.Equal(got, []Session{anna}) {
			t.Errorf("%q: %+v", table, got)
		}
	}
	if got := readSessions("username\tproto\tpid\tip\nbert\n\n\timap\t1\t::1\n"); !slices.Equal(got, []Session{{Account: "bert"}}) {
		t.Errorf("%+v", got)
	}
	if got := readSessions("username\n" + strings.Repeat("a\n", maxSessions+1)); len(got) != maxSessions {
		t.Errorf("%d sessions", len(got))
	}
}

func TestNetworksAreReadAsDovecotHasThem(t *testing.T) {
	for list, want := range map[string]string{
		"": "[]", "192.0.2.7": "[192.0.2.7/32]", "192.0.2.7/24, 2001:db8::7\n2001:db8:1::/48": "[192.0.2.0/24 2001:db8::7/128 2001:db8:1::/48]",
		"/run/proxy 0.0.0.0/0 ::/0 proxy.example.org 192.0.2.7:24": "[]",
	} {
		if got := fmt.Sprint(readNetworks(list)); got != want {
			t.Errorf("%q: %s, not %s", list, got, want)
		}
	}
}

func FuzzParseAccount(f *testing.F) {
	for _, s := range []string{"anna@example.org", "-x", "*", "0x7f.1", "::1/0", "ä"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseAccount(s)
		if err != nil {
			return
		}
		if got != s || got[0] == '-' || strings.ContainsAny(got, "*?/\\\": \t\r\n\x00\x7f") {
			t.Errorf("%q", got)
		}
		if _, err := netip.ParseAddr(got); err == nil {
			t.Errorf("%q is an address", got)
		}
	})
}

func FuzzReadSessions(f *testing.F) {
	f.Add("username\tproto\tpid\tip\nanna\timap\t11\t203.0.113.9\n")
	f.Add("\t\n\t")
	f.Fuzz(func(t *testing.T, table string) {
		for _, s := range readSessions(table) {
			if s.Account == "" || s.PID < 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}
