package health

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"postward/internal/guard/guess"
)

// TestAProxyIsToldOnceAndUntilItIsNone, with what to do.
func TestAProxyIsToldOnceAndUntilItIsNone(t *testing.T) {
	var all Troubles
	now := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	f := &guess.Front{Client: netip.MustParseAddr("172.17.0.1"), Logins: 412, Mails: 1, Tries: 37}
	for n := range 5 {
		f.Tries += n
		all.Front(f, now.Add(time.Duration(n)*time.Minute))
	}
	list := all.List()
	if len(list) != 1 {
		t.Fatalf("%q", list)
	}
	for _, part := range []string{"172.17.0.1", "47 refused logins", "412 logins and 1 mail of", "haproxy_trusted_networks", "postward ban add 172.17.0.1"} {
		if !strings.Contains(list[0], part) {
			t.Errorf("%s is not in %s", part, list[0])
		}
	}
	all.Front(&guess.Front{Client: f.Client, Tries: 9}, now)
	if list := all.List(); len(list) != 1 || !strings.Contains(list[0], "nobody is known to log in from elsewhere") {
		t.Errorf("%q", list)
	}
	all.Front(nil, now.Add(time.Hour))
	if list := all.List(); len(list) != 0 {
		t.Errorf("%q", list)
	}
}
