package guess

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// TestATelephoneOfManyAddressesIsSettledAmongThem: its carrier gives it another one each hour, of a few networks.
func TestATelephoneOfManyAddressesIsSettledAmongThem(t *testing.T) {
	s := begin(t)
	for n := range 12 * 24 {
		s.logsIn(fmt.Sprintf("198.51.%d.%d", 100+n%3, 1+n%240), "anna")
		s.now = s.now.Add(time.Hour)
	}
	for n := range 3 {
		if !s.Settled("anna", netip.AddrFrom4([4]byte{198, 51, byte(100 + n), 250}), s.now) {
			t.Errorf("not in network %d", n)
		}
	}
}

func TestAPlaceIsAnAddressOrASixtyFour(t *testing.T) {
	for _, c := range []struct{ addr, place, area string }{
		{"203.0.113.9", "203.0.113.9/32", "203.0.113.0/24"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"},
		{"64:ff9b::203.0.113.9", "64:ff9b::cb00:7109/128", "64:ff9b::cb00:7100/120"}, // by NAT64
		{"64:ff9b:1:2::203.0.113.9", "64:ff9b:1:2::/64", "64:ff9b:1::/48"},           // by a site's own
		{"64:ff9b:0:2::203.0.113.9", "64:ff9b::2/128", "64:ff9b::/120"},              // nobody's: the prefix ends at 96
		{"0:0:cb00:7109::1", "0.0.0.0/32", "0.0.0.0/24"},                             // nobody's, and no other's
	} {
		p := placeOf(netip.MustParseAddr(c.addr))
		if got := p.prefix().String(); got != c.place {
			t.Errorf("%s: %s, want %s", c.addr, got, c.place)
		}
		if got := p.area().prefix(); got.String() != c.area || areaOf(got) != p.area() {
			t.Errorf("%s: %s, want %s", c.addr, got, c.area)
		}
	}
}
