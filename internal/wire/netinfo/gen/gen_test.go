package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postward/internal/wire/netinfo"
)

// pack writes a package as npm packs it.
func pack(t *testing.T, file string, members map[string]string) {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	archive := tar.NewWriter(zip)
	for name, text := range members {
		if err := archive.WriteHeader(&tar.Header{Name: "package/" + name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		archive.Write([]byte(text))
	}
	archive.Close()
	zip.Close()
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// land is the part of each family the test fills: no address of it is special.
var land = []struct{ first, size uint64 }{{11 << 24, 80 << 24}, {0x2400 << 48, 0x600 << 48}}

func at(family int, n uint64) netip.Addr {
	var b [16]byte
	if family == 0 {
		binary.BigEndian.PutUint32(b[:], uint32(n))
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	binary.BigEndian.PutUint64(b[:], n)
	return netip.AddrFrom16(b)
}

// ranges makes up n ranges that do not overlap: some touch, some leave gaps, some hold one address only.
func ranges(r *rand.Rand, family, n int, value func() string) (csv string, list []span) {
	var b strings.Builder
	step := land[family].size / uint64(n)
	next := land[family].first
	for range n {
		first := next
		if r.IntN(3) == 0 {
			first += r.Uint64N(step)
		}
		last := first + r.Uint64N(step)
		if r.IntN(9) == 0 {
			last = first
		}
		next = last + 1
		s := value()
		end := at(family, last)
		if family == 1 { // to the end of the /64
			all := end.As16()
			copy(all[8:], "\xff\xff\xff\xff\xff\xff\xff\xff")
			end = netip.AddrFrom16(all)
		}
		one, _, err := spanOf([]string{at(family, first).String(), end.String(), s})
		if err != nil || one.first != first || one.last != last {
			panic(fmt.Sprint(one, first, last, err))
		}
		list = append(list, one)
		fmt.Fprintf(&b, "%s,%s,%s,\"A name, %d\"\n", at(family, first), end, s, last)
	}
	return b.String(), list
}

// naive looks at every range.
func naive(networks, countries []span, n uint64) (info netinfo.Info) {
	for _, s := range networks {
		if s.first <= n && n <= s.last {
			info.ASN = s.info.ASN
		}
	}
	for _, s := range countries {
		if s.first <= n && n <= s.last {
			info.Country = s.info.Country
		}
	}
	return info
}

func TestTableAnswersLikeAScanOfThePackages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	asn := func() string { return fmt.Sprint(1 + r.IntN(300)) }
	code := func() string { return []string{"CH", "DE", "US", "ZW"}[r.IntN(4)] }
	dir := t.TempDir()
	var csvs [2][2]string
	var lists [2][2][]span
	for family := range 2 {
		csvs[0][family], lists[0][family] = ranges(r, family, 300, asn)
		csvs[1][family], lists[1][family] = ranges(r, family, 150, code)
	}
	pack(t, filepath.Join(dir, "ip-location-db-asn-2.3.2026061719.tgz"), map[string]string{
		"package.json": `{"version":"2.3.2026061719"}`, "README.md": "x", "asn-ipv4.csv": csvs[0][0], "asn-ipv6.csv": csvs[0][1]})
	pack(t, filepath.Join(dir, "ip-location-db-asn-country-2.3.2026061618.tgz"), map[string]string{
		"package.json": `{"version":"2.3.2026061618"}`, "asn-country-ipv4.csv": csvs[1][0], "asn-country-ipv6.csv": csvs[1][1]})
	data, err := build(dir)
	if err != nil {
		t.Fatal(err)
	}
	table, err := netinfo.Parse(string(data))
	if err != nil {
		t.Fatal(err)
	}
	if got := table.Date().Format("2006-01-02 15"); got != "2026-06-16 18" {
		t.Errorf("the date is %s, not the older package's", got)
	}
	known := 0
	for i := range 100_000 {
		family := i % 2
		n := land[family].first + r.Uint64N(land[family].size)
		if i%5 == 0 { // an end of a range, or beside it
			list := lists[i/5%2][family]
			n = list[r.IntN(len(list))].last + r.Uint64N(3) - 1
		}
		want := naive(lists[0][family], lists[1][family], n)
		if got := table.Lookup(at(family, n)); got != want {
			t.Fatalf("%s is %v, not %v", at(family, n), got, want)
		}
		if want != (netinfo.Info{}) {
			known++
		}
	}
	if known < 50_000 || known > 99_999 {
		t.Errorf("%d of the addresses were known: the test looks in the wrong place", known)
	}
}

func TestOverlapIsCut(t *testing.T) {
	a, b, c := netinfo.Info{ASN: 1}, netinfo.Info{ASN: 2}, netinfo.Info{ASN: 3}
	got, cut := tidy([]span{{20, 29, b}, {10, 25, a}, {27, 27, c}, {27, 40, a}})
	if want := fmt.Sprint([]span{{10, 19, a}, {20, 26, b}, {27, 40, a}}); cut != 3 || fmt.Sprint(got) != want {
		t.Errorf("%d cut: %v, not %s", cut, got, want)
	}
}

func TestSpanOfALine(t *testing.T) {
	for line, want := range map[string]string{
		"1.0.0.0,1.0.0.255,13335,x":     "{16777216 16777471 {13335 }} true",
		"1.0.0.0,1.0.0.255,650950004,x": "{16777216 16777471 {0 }} true",
		"2001:db8::,2001:db8:0:1::,CH":  "{2306139568115548160 2306139568115548161 {0 CH}} true",
		"2001:db8::1,2001:db8:0:1::,CH": "{2306139568115548161 2306139568115548161 {0 CH}} true",
		"2001:db8::30,2001:db8::3f,CH":  "{2306139568115548161 2306139568115548160 {0 CH}} false",
		"fe80::,fe80:ffff::,CH":         "{18338657682652659712 18338939153334403072 {0 CH}} false",
		"1.0.0.9,1.0.0.8,1":             "1.0.0.9 to 1.0.0.8 is no range",
		"1.0.0.9,2001::,1":              "1.0.0.9 to 2001:: is no range",
		"1.0.0.9,1.0.0.9":               "it has 2 fields, not 3 or more",
		"16777216,16777471,13335":       `ParseAddr("16777216"): unable to parse IP`,
	} {
		s, ok, err := spanOf(strings.Split(line, ","))
		got := fmt.Sprint(s, ok)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s is %s, not %s", line, got, want)
		}
	}
}

func TestAnEmptyTableIsNotShipped(t *testing.T) {
	data, err := netinfo.Encode(netinfo.Embedded().Date(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := prove(string(data)); err == nil {
		t.Error("a table that knows nothing would be written")
	}
}
