package netinfo

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func encoded(t testing.TB, v4, v6 []Start) *Table {
	t.Helper()
	data, err := Encode(time.Unix(1e9, 0), v4, v6)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Parse(string(data))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestRangesEndWhereTheNextOneStarts(t *testing.T) {
	table := encoded(t,
		[]Start{{0x01020304, Info{1, "CH"}}, {0x01020308, Info{}}, {0x05000000, Info{2, ""}}, {0xdfffffff, Info{0, "DE"}}, {1 << 32, Info{}}},
		[]Start{{0x2001_0200_0000_0001, Info{maxASN, "ZW"}}, {0x2a00_0000_0000_0000, Info{}}, {0x3f00 << 48, Info{3, "XK"}}, {0x4000 << 48, Info{}}})
	for a, want := range map[string]Info{
		"1.2.3.3": {}, "1.2.3.4": {1, "CH"}, "1.2.3.7": {1, "CH"}, "1.2.3.8": {}, "4.255.255.255": {},
		"5.0.0.0": {2, ""}, "99.9.9.9": {2, ""}, "223.255.255.254": {2, ""}, "223.255.255.255": {0, "DE"},
		"2001:200::": {}, "2001:200:0:1::": {maxASN, "ZW"}, "29ff:ffff:ffff:ffff:ffff::": {maxASN, "ZW"}, "2a00::": {},
		"3eff::": {}, "3f00::1": {3, "XK"}, "3ffe::1": {3, "XK"},
	} {
		if got := table.Lookup(addr(a)); got != want {
			t.Errorf("%s is %v, not %v", a, got, want)
		}
	}
	if !table.Date().Equal(time.Unix(1e9, 0)) {
		t.Errorf("the date became %v", table.Date())
	}
}

func TestNeighboursThatSayTheSameAreOne(t *testing.T) {
	table := encoded(t, []Start{{1 << 24, Info{}}, {2 << 24, Info{7, "CH"}}, {3 << 24, Info{7, "CH"}}, {4 << 24, Info{65000, "EU"}}, {5 << 24, Info{}}}, nil)
	if n := len(table.v4.starts) / 2; n != 2 {
		t.Errorf("there are %d starts, not 2", n)
	}
}

func TestEncodeRefusesWhatTheFormCannotHold(t *testing.T) {
	for want, list := range map[string][2][]Start{
		"do not rise":       {{{5, Info{1, ""}}, {4, Info{2, ""}}}, nil},
		"two starts":        {{{5, Info{1, ""}}, {5, Info{2, ""}}}, nil},
		"room up to":        {{{5, Info{maxASN + 1, ""}}}, nil},
		"is outside":        {{{1 << 32, Info{1, ""}}}, nil},
		"100000000 is outs": {nil, []Start{{0x1_0000_0000, Info{1, ""}}}},
	} {
		if _, err := Encode(time.Time{}, list[0], list[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, not one with %q", err, want)
		}
	}
}

func TestParseRefusesADamagedTable(t *testing.T) {
	good, err := Encode(time.Unix(1e9, 0), []Start{{1 << 24, Info{1, "CH"}}}, []Start{{0x2a00 << 48, Info{1, "CH"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, harm := range map[string]func([]byte) []byte{
		"empty":               func(b []byte) []byte { return nil },
		"header only":         func(b []byte) []byte { return b[:header] },
		"one octet short":     func(b []byte) []byte { return b[:len(b)-1] },
		"one octet long":      func(b []byte) []byte { return append(b, 0) },
		"another magic":       func(b []byte) []byte { b[0] = 'x'; return b },
		"another version":     func(b []byte) []byte { b[4] = 2; return b },
		"another count":       func(b []byte) []byte { b[16]++; return b },
		"the largest counts":  func(b []byte) []byte { copy(b[16:], strings.Repeat("\xff", 12)); return b },
		"a bucket that falls": func(b []byte) []byte { b[header+4*999] = 0; return b },
		"a bucket that leaps": func(b []byte) []byte { b[header+4*9999] = 200; return b },
		"a first bucket of 1": func(b []byte) []byte { b[header] = 1; return b },
	} {
		if _, err := Parse(string(harm(append([]byte(nil), good...)))); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

// skeleton makes of a few octets a table with valid buckets and arbitrary starts, values and infos: what Parse takes
// on trust.
func skeleton(data []byte) string {
	at := func(i int) byte { return data[i%len(data)] }
	n4, n6, infos := int(at(0)%16), int(at(1)%16), int(at(2)%16)
	out := make([]byte, header+4*(buckets4+1+buckets6+1)+4*infos+5*n4+9*n6)
	copy(out, magic+"\x01")
	put := binary.LittleEndian.PutUint32
	for i, v := range []int{int(at(3)), 0, n4, n6, infos} {
		put(out[8+4*i:], uint32(v))
	}
	rest := out[header:]
	for _, f := range []struct{ buckets, n int }{{buckets4, n4}, {buckets6, n6}} {
		for i := 1; i < f.buckets; i++ {
			put(rest[4*i:], uint32(min(f.n, i>>(at(4)%16))))
		}
		put(rest[4*f.buckets:], uint32(f.n))
		rest = rest[4*(f.buckets+1):]
	}
	for i := range rest {
		rest[i] = at(5 + i)
	}
	return string(out)
}

func FuzzTable(f *testing.F) {
	good, err := Encode(time.Unix(1e9, 0), []Start{{1 << 24, Info{1, "CH"}}}, []Start{{0x2a00 << 48, Info{1, "CH"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good[:header], uint64(0))
	f.Add([]byte("\x0f\x0f\x0f\x00\x00\x00\x01\x02\xff"), uint64(0x2001<<48))
	f.Add([]byte("\x01\x02\x03\xff\x0c\xff\xff\xff\xff"), uint64(1<<63))
	f.Fuzz(func(t *testing.T, data []byte, at uint64) {
		tables := []string{string(data)}
		if len(data) > 0 {
			bones := skeleton(data)
			if _, err := Parse(bones); err != nil {
				t.Fatalf("the skeleton is no table: %v", err)
			}
			tables = append(tables, bones)
		}
		var six [16]byte
		binary.BigEndian.PutUint64(six[:], at)
		in6 := six
		in6[0] = 0x20 | six[0]&0x1f
		for _, raw := range tables {
			table, err := Parse(raw)
			if err != nil {
				continue
			}
			for _, a := range []netip.Addr{netip.AddrFrom4([4]byte(six[:])), netip.AddrFrom16(six), netip.AddrFrom16(in6),
				addr("1.0.0.0"), addr("223.255.255.255"), addr("2000::"), addr("3ffe:ffff::")} {
				if info := table.Lookup(a); info.ASN > maxASN || len(info.Country) != 2 && info.Country != "" {
					t.Fatalf("%s is %v", a, info)
				}
			}
			_ = table.Date().String()
		}
	})
}
