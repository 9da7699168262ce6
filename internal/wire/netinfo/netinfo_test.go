package netinfo

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

var _, _ DB = (*Table)(nil), (*MMDB)(nil)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestKnownAddresses(t *testing.T) {
	table := Embedded()
	for _, c := range []struct {
		address string
		want    Info
	}{
		{"8.8.8.8", Info{15169, "US"}},
		{"1.1.1.1", Info{13335, "AU"}}, // registered with APNIC
		{"46.4.1.1", Info{24940, "DE"}},
		{"81.2.69.142", Info{20712, "GB"}},
		{"::ffff:8.8.8.8", Info{15169, "US"}},
		{"2001:4860:4860::8888", Info{15169, "US"}},
		{"2606:4700:4700::1111", Info{13335, "US"}},
		{"2003::1", Info{3320, "DE"}},
		{"2a01:4f8::1%eth0", Info{24940, "DE"}},
	} {
		if got := table.Lookup(addr(c.address)); got != c.want {
			t.Errorf("%s is %v, not %v", c.address, got, c.want)
		}
	}
}

// nobody are addresses of which no source may say anything, with the first and last ones of ranges.
var nobody = strings.Fields(`0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1
	169.254.1.1 172.16.0.0 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.1
	198.19.255.255 198.51.100.7 203.0.113.255 224.0.0.1 239.1.1.1 240.0.0.0 255.255.255.255 ::ffff:10.1.1.1
	:: ::1 ::8.8.8.8 64:ff9b::808:808 100::1 1fff:: 2001::1 2001:db8::1 2001:db8:ffff:: 2002:808:808::1 3fff::1
	4000:: 5f00::1 fc00::1 fd12::1 fe80::1 fe80::1%eth0 2001:db8::1%eth0 ff02::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff`)

func TestNobodysAddressesAreUnknown(t *testing.T) {
	everywhere := Info{64000, "CH"}
	full := encoded(t, []Start{{0, everywhere}}, []Start{{first6 << 48, everywhere}})
	for _, table := range []*Table{Embedded(), full} {
		for _, a := range nobody {
			if got := table.Lookup(addr(a)); got != (Info{}) {
				t.Errorf("%s is %v", a, got)
			}
		}
		if got := table.Lookup(netip.Addr{}); got != (Info{}) {
			t.Errorf("no address at all is %v", got)
		}
	}
	for _, a := range strings.Fields("1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 223.255.255.255 2000:: 2001:200:: 2003:: 3fff:1000:: 3fff:ffff::") {
		if got := full.Lookup(addr(a)); got != everywhere {
			t.Errorf("%s is %v: it is as public as any", a, got)
		}
	}
}

func TestEmbeddedTableIsWhole(t *testing.T) {
	table := Embedded()
	if d := table.Date(); d.Year() < 2026 || d.Year() > 2100 {
		t.Errorf("its date is %v", d)
	}
	for _, who := range []string{"routeviews.org", "nro.net", "https://db-ip.com", "CC BY 4.0"} {
		if !strings.Contains(table.Credit(), who) {
			t.Errorf("the credit does not name %s: %s", who, table.Credit())
		}
	}
	rising(t, "IPv4", &table.v4, len(table.infos)/4)
	rising(t, "IPv6", &table.v6, len(table.infos)/4)
	for i := range len(table.infos) / 4 {
		v := u32(table.infos, 4*i)
		if asn, c := v>>10, int(v&1023); asn != 0 && !usableASN(asn) || countryNumber(country(c)) != c {
			t.Fatalf("info %d is AS%d in country %d", i, asn, c)
		}
	}
}

// rising fails unless the starts of each bucket rise and each value has an info.
func rising(t *testing.T, name string, f *family, infos int) {
	t.Helper()
	for bucket := range len(f.buckets)/4 - 1 {
		from, to := int(u32(f.buckets, 4*bucket)), int(u32(f.buckets, 4*bucket+4))
		for i := from + 1; i < to; i++ {
			if f.start(i-1) >= f.start(i) {
				t.Fatalf("%s: start %d does not rise", name, i)
			}
		}
	}
	for at := 0; at < len(f.values); at += 3 {
		if i := int(f.values[at]) | int(f.values[at+1])<<8 | int(f.values[at+2])<<16; i >= infos {
			t.Fatalf("%s: start %d has the info %d of %d", name, at/3, i, infos)
		}
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	table := Embedded()
	for _, a := range []string{"8.8.8.8", "::ffff:8.8.8.8", "2a01:4f8::1", "10.0.0.1", "fe80::1%eth0"} {
		a := addr(a)
		if n := testing.AllocsPerRun(1000, func() { table.Lookup(a) }); n != 0 {
			t.Errorf("a look-up of %s allocates %v times", a, n)
		}
	}
}

func TestCountryNumbers(t *testing.T) {
	for i := range 1024 {
		if code := country(i); code != "" && countryNumber(code) != i && countryNumber(code) != 0 {
			t.Errorf("number %d is %s is number %d", i, code, countryNumber(code))
		}
	}
	for _, code := range []string{"AD", "CH", "QA", "XK", "ZW"} {
		if got := country(countryNumber(code)); got != code {
			t.Errorf("%s became %q", code, got)
		}
	}
	for _, code := range []string{"", "C", "ch", "CHE", "C1", "[A", "EU", "AP", "ZZ", "AA", "XX", "QM"} {
		if got := countryNumber(code); got != 0 {
			t.Errorf("%q has the number %d: it is no country", code, got)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for name, prefix := range map[string][]byte{"IPv4": {}, "IPv6": {0x2a}} {
		b.Run(name, func(b *testing.B) {
			table, r := Embedded(), rand.NewChaCha8([32]byte{})
			addresses := make([]netip.Addr, 1<<16)
			for i := range addresses {
				var a [16]byte
				r.Read(a[:])
				copy(a[:], prefix)
				if a[1] &= 0x0f; len(prefix) == 0 {
					addresses[i] = netip.AddrFrom4([4]byte(a[2:]))
				} else {
					addresses[i] = netip.AddrFrom16(a)
				}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				table.Lookup(addresses[i%len(addresses)])
			}
		})
	}
}

// What is looked up by its first octet is what the list of ranges says, at each end of each of them.
func TestNobodysAddressesAreThoseOfTheList(t *testing.T) {
	listed := func(a netip.Addr) bool {
		return slices.ContainsFunc(nobodys, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	ends := []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("2a02::1")}
	for _, p := range nobodys {
		last := p.Addr().AsSlice()
		for bit := p.Bits(); bit < 8*len(last); bit++ {
			last[bit/8] |= 1 << (7 - bit%8)
		}
		end, _ := netip.AddrFromSlice(last)
		ends = append(ends, p.Addr(), p.Addr().Prev(), end, end.Next())
	}
	for _, a := range ends {
		if !a.IsValid() || a.Is6() && a.As16()[0]&0xe0 != 0x20 {
			continue
		}
		if Public(a) == listed(a) {
			t.Errorf("%s: public %v, in the list %v", a, Public(a), listed(a))
		}
	}
}
