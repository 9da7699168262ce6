package netinfo

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Bounds of a .mmdb file: octets, and networks looked at to find out what it knows.
const (
	maxMMDB   = 256 << 20
	maxProbed = 10000
)

// MMDB answers from the operator's own files, in the layout of MaxMind and DB-IP.
type MMDB struct {
	files []*maxminddb.Reader
}

// OpenMMDB reads one or two .mmdb files, whole: what happens to them later does not matter, a newer file is opened
// anew. A file may know countries (country.iso_code), networks (autonomous_system_number) or both; where two know,
// the first named wins. A file over 256 MiB is refused. Nothing needs closing.
func OpenMMDB(paths ...string) (*MMDB, error) {
	if len(paths) < 1 || len(paths) > 2 {
		return nil, fmt.Errorf("open IP data: %d files are named: name one, or two, such as a country and an ASN edition", len(paths))
	}
	m := &MMDB{}
	for _, path := range paths {
		r, err := readMMDB(path)
		if err != nil {
			return nil, fmt.Errorf("open IP data %s: %w", path, err)
		}
		m.files = append(m.files, r)
	}
	return m, nil
}

func readMMDB(path string) (*maxminddb.Reader, error) {
	about, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: check the path, and that the user postward may read it", err)
	}
	if !about.Mode().IsRegular() {
		return nil, fmt.Errorf("it is not a regular file: name a .mmdb file")
	}
	if about.Size() > maxMMDB {
		return nil, fmt.Errorf("it has %d MiB, the limit is %d: take a country or ASN edition, they are small", about.Size()>>20, maxMMDB>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: check that the user postward may read it", err)
	}
	return parseMMDB(data)
}

func parseMMDB(data []byte) (*maxminddb.Reader, error) {
	r, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("%w: it is no .mmdb file or only a part of one: fetch it again, and unpack it", err)
	}
	return r, probe(r)
}

// probe fails unless one of the file's first networks has something that Lookup can use.
func probe(r *maxminddb.Reader) error {
	var broken error
	seen := 0
	for result := range r.Networks() {
		info, err := read(result)
		if info != (Info{}) {
			return nil
		}
		if err != nil {
			broken = err
		}
		if seen++; seen >= maxProbed {
			break
		}
	}
	if broken != nil {
		return fmt.Errorf("%w: fetch it again, as a Country, City or ASN edition of MaxMind or DB-IP", broken)
	}
	return fmt.Errorf("it is a %q and none of its first %d networks has country.iso_code or autonomous_system_number: "+
		"take a Country, City or ASN edition of MaxMind or DB-IP", r.Metadata.DatabaseType, seen)
}

// read returns what one record says. A country's text is a constant of this package.
func read(result maxminddb.Result) (Info, error) {
	var record struct {
		Country struct {
			Code string `maxminddb:"iso_code"`
		} `maxminddb:"country"`
		ASN uint32 `maxminddb:"autonomous_system_number"`
	}
	if err := result.Decode(&record); err != nil {
		return Info{}, err
	}
	info := Info{Country: country(countryNumber(record.Country.Code))}
	if usableASN(record.ASN) {
		info.ASN = record.ASN
	}
	return info, nil
}

// Lookup returns what the files know of a. A damaged record is as good as none.
func (m *MMDB) Lookup(a netip.Addr) (info Info) {
	a, ok := public(a)
	if !ok {
		return info
	}
	for _, r := range m.files {
		more, err := read(r.Lookup(a))
		if err != nil {
			continue
		}
		if info.ASN == 0 {
			info.ASN = more.ASN
		}
		if info.Country == "" {
			info.Country = more.Country
		}
	}
	return info
}

// Date is when the data was made; of two files the older one's.
func (m *MMDB) Date() time.Time {
	date := m.files[0].Metadata.BuildTime()
	for _, r := range m.files[1:] {
		if d := r.Metadata.BuildTime(); d.Before(date) {
			date = d
		}
	}
	return date.UTC()
}

// Credit names the files' makers as their free editions ask for, or their types as they stand in the files.
func (m *MMDB) Credit() string {
	var lines []string
	for _, r := range m.files {
		line := fmt.Sprintf("IP data: %.80q", r.Metadata.DatabaseType)
		switch kind := r.Metadata.DatabaseType; {
		case strings.HasPrefix(kind, "DBIP"):
			line = "IP Geolocation by DB-IP (https://db-ip.com)"
		case strings.HasPrefix(kind, "GeoLite2"):
			line = "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com"
		}
		if len(lines) == 0 || lines[0] != line {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
