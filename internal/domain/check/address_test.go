package check

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestANameIsGenericByTheAddressInIt(t *testing.T) {
	for name, addr := range map[string]string{
		"192-0-2-25.dsl.example.net": "192.0.2.25", "25.2.0.192.example.net": "192.0.2.25", "static-0-2-25.example.net": "192.0.2.25", "c0000219.example.net": "192.0.2.25",
		"192000002025.example.net": "192.0.2.25", "host-2-25.example.net": "192.0.2.25", "pool-25.dyn.example.net": "192.0.2.25", "ip5BC0A801.dip0.example.net": "91.192.168.1",
	} {
		if !generic(name, netip.MustParseAddr(addr)) {
			t.Errorf("%s of %s is not generic", name, addr)
		}
	}
	for name, addr := range map[string]string{
		"host1.example.com": "203.0.113.1", "mail2.example.org": "81.2.2.2", "mx5.example.org": "5.5.5.25", "mx1.static.example.org": "192.0.2.1", "dsl.example.org": "192.0.2.25",
		"mail.example.org": "192.0.2.25", "mx25.example.org": "192.0.2.25", "pi.dyn.example.net": "192.0.2.25", "mx1.example.org": "2001:db8::25",
	} {
		if generic(name, netip.MustParseAddr(addr)) {
			t.Errorf("%s of %s is generic", name, addr)
		}
	}
}

// TestNoMendNamesAStranger: a record with a name that does not lead to the address would be a new fault, and a name of
// somebody else's in HELO a lie.
func TestNoMendNamesAStranger(t *testing.T) {
	google := []string{"example.org. MX 1 aspmx.l.google.com.", "aspmx.l.google.com. A 198.51.100.26"}
	for name, f := range map[string]fault{
		"mail goes elsewhere":      {take: []string{"example.org. MX"}, put: google, also: func(w *domainWorld) { w.target.Addrs, w.target.HELO = addrs("192.0.2.80"), "localhost" }},
		"mail. is another host":    {take: []string{"example.org. MX"}, put: append(google, "mail.example.org. A 198.51.100.27"), also: func(w *domainWorld) { w.target.Addrs, w.target.HELO = addrs("192.0.2.80"), "localhost" }},
		"an address alone":         {also: func(w *domainWorld) { w.target = Target{Addrs: addrs("192.0.2.80"), HELO: "localhost"} }},
		"a stranger's name":        {put: []string{"80.2.0.192.in-addr.arpa. PTR mail.google.com."}, also: func(w *domainWorld) { w.target = Target{Addrs: addrs("192.0.2.80"), HELO: "localhost"} }},
		"a provider's name":        {put: []string{"80.2.0.192.in-addr.arpa. PTR 192-0-2-80.example.net.", "192-0-2-80.example.net. A 192.0.2.80"}, also: func(w *domainWorld) { w.target = Target{Addrs: addrs("192.0.2.80"), HELO: "localhost"} }},
		"the name of another host": {put: []string{"80.2.0.192.in-addr.arpa. PTR mail.google.com."}, also: func(w *domainWorld) { w.target.Addrs, w.target.HELO = addrs("192.0.2.80"), "localhost" }},
	} {
		w := newWorld()
		f.plant(t, w)
		found := slices.DeleteFunc(w.check(t), func(f Finding) bool { return f.Topic != "address" || f.Mend == nil })
		if len(found) < 2 {
			t.Errorf("%s: found %v", name, ids(found))
		}
		for _, f := range found {
			said := strings.Join(append(f.Mend.Additions(), f.Mend.Set...), "; ")
			if strings.Contains(said, "google") || strings.Contains(said, "mx1.") || strings.Contains(said, "example.org") && name != "mail goes elsewhere" && name != "the name of another host" {
				t.Errorf("%s: %s: %s", name, f.ID, said)
			}
		}
	}
}
