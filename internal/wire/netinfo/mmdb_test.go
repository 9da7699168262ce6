package netinfo

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"
)

// mmdbFile writes a file in MaxMind's form: an IPv6 tree of 24-bit records, IPv4 under ::/96. Prefixes must not overlap.
func mmdbFile(t testing.TB, kind string, built uint32, records map[string]any) string {
	t.Helper()
	var data []byte
	nodes := [][2]int{{}} // 0 is nothing, n > 0 a node, n < 0 the record at octet -n-1
	for prefix, record := range records {
		p := netip.MustParsePrefix(prefix)
		address, bits := p.Addr().As16(), p.Bits()
		if p.Addr().Is4() {
			address[10], address[11], bits = 0, 0, bits+96
		}
		at := 0
		for i := range bits {
			side := &nodes[at][address[i/8]>>(7-i%8)&1]
			if i == bits-1 {
				*side = -len(data) - 1
				break
			}
			if *side == 0 {
				*side = len(nodes)
				nodes = append(nodes, [2]int{})
				side = &nodes[at][address[i/8]>>(7-i%8)&1]
			}
			at = *side
		}
		data = field(data, record)
	}
	var file []byte
	for _, n := range nodes {
		for _, v := range n {
			switch {
			case v == 0:
				v = len(nodes)
			case v < 0:
				v = len(nodes) + 16 - v - 1
			}
			file = append(file, byte(v>>16), byte(v>>8), byte(v))
		}
	}
	file = append(append(file, make([]byte, 16)...), data...)
	file = append(file, "\xab\xcd\xefMaxMind.com"...)
	file = field(file, map[string]any{"binary_format_major_version": uint32(2), "binary_format_minor_version": uint32(0),
		"build_epoch": built, "database_type": kind, "ip_version": uint32(6), "node_count": uint32(len(nodes)), "record_size": uint32(24)})
	path := filepath.Join(t.TempDir(), "data.mmdb")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// field appends a map, text of up to 28 octets, or a number in the form's own types.
func field(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(append(b, 2<<5|byte(len(v))), v...)
	case uint32:
		return binary.BigEndian.AppendUint32(append(b, 6<<5|4), v)
	}
	m := v.(map[string]any)
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	b = append(b, 7<<5|byte(len(m)))
	for _, k := range keys {
		b = field(field(b, k), m[k])
	}
	return b
}

type object = map[string]any

func TestTwoFilesOfTheOperator(t *testing.T) {
	countries := mmdbFile(t, "DBIP-Country-Lite", 2e9, object{
		"8.8.8.0/24":       object{"country": object{"iso_code": "US", "geoname_id": uint32(6252001)}},
		"46.4.0.0/16":      object{"country": object{"iso_code": "DE"}, "autonomous_system_number": uint32(7)},
		"10.0.0.0/8":       object{"country": object{"iso_code": "DE"}},
		"99.0.0.0/8":       object{"country": object{"iso_code": "ZZ"}},
		"2a01:4f8::/32":    object{"country": object{"iso_code": "DE"}},
		"2001:db8:1::/48":  object{"country": object{"iso_code": "DE"}},
		"2a02:dead::/32":   object{"country": "DE"},
		"2a02:beef::/32":   object{"continent": object{"code": "EU"}},
		"193.0.0.0/21":     object{"country": object{"iso_code": "NL"}},
		"100.128.0.0/9":    object{"country": object{"iso_code": "XK"}},
		"2a00:1450::/32":   object{"country": object{"iso_code": "IE"}},
		"2620:fe::/48":     object{"country": object{"iso_code": "us"}},
		"2606:4700::/32":   object{"country": object{"iso_code": "US"}},
		"223.255.255.0/24": object{"country": object{"iso_code": "AU"}},
	})
	networks := mmdbFile(t, "GeoLite2-ASN", 1e9, object{
		"8.8.8.0/24":    object{"autonomous_system_number": uint32(15169), "as_organization": "GOOGLE"},
		"46.4.0.0/16":   object{"autonomous_system_number": uint32(24940)},
		"99.0.0.0/8":    object{"autonomous_system_number": uint32(65000)},
		"2a01:4f8::/32": object{"autonomous_system_number": uint32(24940)},
	})
	db, err := OpenMMDB(countries, networks)
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[string]Info{
		"8.8.8.8": {15169, "US"}, "::ffff:8.8.8.8": {15169, "US"}, "46.4.1.1": {7, "DE"}, "2a01:4f8::1": {24940, "DE"},
		"10.1.1.1": {}, "2001:db8:1::1": {}, "99.1.1.1": {}, "2a02:dead::1": {}, "2a02:beef::1": {}, "9.9.9.9": {},
		"100.200.0.1": {0, "XK"}, "2620:fe::1": {}, "193.0.6.139": {0, "NL"}, "fe80::1%eth0": {}, "2a01:4f8::1%eth0": {24940, "DE"},
	} {
		if got := db.Lookup(addr(a)); got != want {
			t.Errorf("%s is %v, not %v", a, got, want)
		}
	}
	if got := db.Lookup(netip.Addr{}); got != (Info{}) {
		t.Errorf("no address at all is %v", got)
	}
	if got := db.Date().Unix(); got != 1e9 {
		t.Errorf("the date is %d, not the older file's", got)
	}
	if c := db.Credit(); !strings.Contains(c, "https://db-ip.com") || !strings.Contains(c, "GeoLite Data created by MaxMind") {
		t.Errorf("the credit is %q", c)
	}
}

func TestCreditOfAnUnknownMakerIsOneLine(t *testing.T) {
	db, err := OpenMMDB(mmdbFile(t, "mine\n\x1b[2J", 1e9, object{"8.8.8.0/24": object{"country": object{"iso_code": "US"}}}))
	if err != nil {
		t.Fatal(err)
	}
	if c := db.Credit(); c != `IP data: "mine\n\x1b[2J"` {
		t.Errorf("the credit is %q", c)
	}
}

func TestWhyAFileIsNotTaken(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := mmdbFile(t, "T", 1e9, object{"8.8.8.0/24": object{"country": object{"iso_code": "US"}}})
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	huge := write("huge", "")
	if err := os.Truncate(huge, maxMMDB+1<<20); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want  string
		paths []string
	}{
		{"name one, or two", nil},
		{"3 files are named", []string{good, good, good}},
		{"check the path", []string{good, filepath.Join(dir, "none")}},
		{"not a regular file", []string{dir}},
		{"it has 257 MiB, the limit is 256", []string{huge}},
		{"no .mmdb file or only a part", []string{write("empty", "")}},
		{"no .mmdb file or only a part", []string{write("half", string(whole[:len(whole)/2]))}},
		{"none of its first 1 networks", []string{mmdbFile(t, "flat", 1, object{"8.8.8.0/24": object{"country_code": "US"}})}},
		{"none of its first 0 networks", []string{mmdbFile(t, "void", 1, object{})}},
		{"fetch it again, as a Country", []string{mmdbFile(t, "text", 1, object{"8.8.8.0/24": object{"country": "US"}})}},
	} {
		_, err := OpenMMDB(c.paths...)
		if err == nil || !strings.HasPrefix(err.Error(), "open IP data") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: the error is %v, not one with %q", c.paths, err, c.want)
		}
	}
}

func FuzzMMDB(f *testing.F) {
	good, err := os.ReadFile(mmdbFile(f, "T", 1e9, object{"8.8.8.0/24": object{"country": object{"iso_code": "US"}}}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseMMDB(data)
		if err != nil {
			return
		}
		m := &MMDB{files: []*maxminddb.Reader{r}}
		for _, a := range []string{"8.8.8.8", "223.255.255.255", "2a01:4f8::1"} {
			if info := m.Lookup(addr(a)); info.Country != "" && len(info.Country) != 2 {
				t.Fatalf("%s is %v", a, info)
			}
		}
		_ = m.Credit() + m.Date().String()
	})
}
