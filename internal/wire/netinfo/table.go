package netinfo

import (
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

//go:generate go run ./gen -o table.bin

// The table's form. All numbers are little-endian, a section follows the one before it:
//
//	header     magic, version, date (seconds since 1970, 8 octets), counts of IPv4 starts, IPv6 starts, infos
//	buckets    for IPv4 by the upper 16 bits, for IPv6 by the upper 16 from 2000 to 3fff: how many starts lie before
//	           this bucket, 4 octets each; one more at the end, which is the count
//	infos      4 octets: AS number times 1024 plus the country's number
//	starts     what of a range's first address is not in its bucket: IPv4 2 octets, IPv6 6 (the upper 64 bits count)
//	values     for each start, the index of its info, 3 octets; IPv4, then IPv6
//
// A range ends where the next one starts; a range of which nothing is known has the info 0. Starts before the first
// have nothing. Offsets are not stored: they follow from the counts, and the length must be exactly their sum.
const (
	magic    = "PWni"
	version  = 1
	header   = 28
	buckets4 = 1 << 16
	buckets6 = 1 << 13
	first6   = 0x2000 // the first IPv6 bucket
	maxASN   = 1<<22 - 1
)

// The sources' licences ask for this line. README-data.md has the whole of it.
const credit = "IP data: RouteViews (routeviews.org), NRO (nro.net), IP Geolocation by DB-IP (https://db-ip.com); merged by sapics/ip-location-db, form changed by postward; CC BY 4.0"

//go:embed table.bin
var embedded string

// Table is a parsed table. It is a view: nothing is copied.
type Table struct {
	date   time.Time
	infos  string
	v4, v6 family
}

// family is one address family's sections.
type family struct {
	buckets, starts, values string
	width                   int // octets of a start: 2 or 6
}

// Embedded returns the table that is part of the program. It panics if the build put a broken one in, which a test rules out.
func Embedded() *Table {
	t, err := Parse(embedded)
	if err != nil {
		panic(err)
	}
	return t
}

// Parse checks a table's header, length and buckets, and returns a view of data. It does not check that the starts
// are in order: if they are not, answers are wrong and nothing worse.
func Parse(data string) (*Table, error) {
	if len(data) < header || data[:4] != magic {
		return nil, errors.New("parse IP table: not a table of postward's: make it again with go generate ./internal/wire/netinfo")
	}
	if v := u32(data, 4); v != version {
		return nil, fmt.Errorf("parse IP table: its form is %d, this program reads %d: make it again with go generate ./internal/wire/netinfo", v, version)
	}
	seconds := uint64(u32(data, 8)) | uint64(u32(data, 12))<<32
	n4, n6, infos := uint64(u32(data, 16)), uint64(u32(data, 20)), uint64(u32(data, 24))
	if want := header + 4*(buckets4+1) + 4*(buckets6+1) + 4*infos + (2+3)*n4 + (6+3)*n6; want != uint64(len(data)) {
		return nil, fmt.Errorf("parse IP table: its header says %d octets, it has %d: the file is damaged", want, len(data))
	}
	rest := data[header:]
	take := func(n uint64) (section string) { section, rest = rest[:n], rest[n:]; return section }
	t := &Table{date: time.Unix(int64(seconds), 0).UTC(), v4: family{width: 2}, v6: family{width: 6}}
	t.v4.buckets, t.v6.buckets = take(4*(buckets4+1)), take(4*(buckets6+1))
	t.infos = take(4 * infos)
	t.v4.starts, t.v6.starts = take(2*n4), take(6*n6)
	t.v4.values, t.v6.values = take(3*n4), take(3*n6)
	if !t.v4.ordered(n4) || !t.v6.ordered(n6) {
		return nil, errors.New("parse IP table: its buckets are out of order: the file is damaged")
	}
	return t, nil
}

// ordered reports whether the buckets rise from 0 to n.
func (f *family) ordered(n uint64) bool {
	before := u32(f.buckets, 0)
	if before != 0 {
		return false
	}
	for at := 4; at < len(f.buckets); at += 4 {
		next := u32(f.buckets, at)
		if next < before {
			return false
		}
		before = next
	}
	return uint64(before) == n
}

// Date is when the data was made.
func (t *Table) Date() time.Time { return t.date }

// Credit names the sources of the data.
func (t *Table) Credit() string { return credit }

// Lookup returns what is known of a.
func (t *Table) Lookup(a netip.Addr) Info {
	a, ok := public(a)
	if !ok {
		return Info{}
	}
	if a.Is4() {
		b := a.As4()
		return t.info(t.v4.find(int(b[0])<<8|int(b[1]), uint64(b[2])<<8|uint64(b[3])))
	}
	b := a.As16()
	rest := uint64(b[2])<<40 | uint64(b[3])<<32 | uint64(b[4])<<24 | uint64(b[5])<<16 | uint64(b[6])<<8 | uint64(b[7])
	return t.info(t.v6.find(int(b[0])<<8|int(b[1])-first6, rest))
}

// find returns the index of the info of the last start that is not after an address, or -1.
func (f *family) find(bucket int, rest uint64) int {
	from, to := int(u32(f.buckets, 4*bucket)), int(u32(f.buckets, 4*bucket+4))
	for from < to {
		if mid := (from + to) / 2; f.start(mid) <= rest {
			from = mid + 1
		} else {
			to = mid
		}
	}
	if from == 0 {
		return -1
	}
	at := 3 * (from - 1) // it may be of a bucket before: a range that goes on
	return int(f.values[at]) | int(f.values[at+1])<<8 | int(f.values[at+2])<<16
}

func (f *family) start(i int) uint64 {
	at := i * f.width
	low := uint64(f.starts[at]) | uint64(f.starts[at+1])<<8
	if f.width == 2 {
		return low
	}
	return low | uint64(u32(f.starts, at+2))<<16
}

func (t *Table) info(i int) Info {
	if i < 0 || 4*i >= len(t.infos) {
		return Info{}
	}
	v := u32(t.infos, 4*i)
	return Info{ASN: v >> 10, Country: country(int(v & 1023))}
}

func u32(s string, at int) uint32 {
	s = s[at : at+4]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}
