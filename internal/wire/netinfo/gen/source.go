package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"postward/internal/wire/netinfo"
)

// highestASN is far above the last number that IANA has handed out (402,000 odd in 2026). Route tables also have
// slips of the pen, such as AS650950004: they are left out, as unknown.
const highestASN = 1_000_000

// span is a range, both ends included: IPv4 addresses, or the upper 64 bits of IPv6 ones.
type span struct {
	first, last uint64
	info        netinfo.Info
}

// source is one package: its ranges of IPv4 and of IPv6, in the order of the file.
type source struct {
	date   time.Time
	ranges [2][]span
}

// open reads the one package that pattern matches.
func open(pattern string, csvs ...string) (*source, error) {
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("open the package %s: %d files are there, it must be one", pattern, len(found))
	}
	f, err := os.Open(found[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", found[0], err)
	}
	s := &source{}
	for archive := tar.NewReader(zip); ; {
		entry, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = s.take(path.Base(entry.Name), archive, csvs)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", found[0], err)
		}
	}
	if s.date.IsZero() || s.ranges[0] == nil || s.ranges[1] == nil {
		return nil, fmt.Errorf("read %s: it lacks package.json, %s or %s", found[0], csvs[0], csvs[1])
	}
	return s, nil
}

func (s *source) take(name string, r io.Reader, csvs []string) (err error) {
	switch name {
	case "package.json":
		s.date, err = dateOf(r)
	case csvs[0]:
		s.ranges[0], err = spans(r)
	case csvs[1]:
		s.ranges[1], err = spans(r)
	}
	return err
}

var hour = regexp.MustCompile(`^\d+\.\d+\.(\d{10})$`)

// dateOf reads the date in a version: 2.3.2026061719 is of 17 June 2026, 19 o'clock.
func dateOf(r io.Reader) (time.Time, error) {
	var about struct{ Version string }
	if err := json.NewDecoder(r).Decode(&about); err != nil {
		return time.Time{}, err
	}
	m := hour.FindStringSubmatch(about.Version)
	if m == nil {
		return time.Time{}, fmt.Errorf("the version %q has no date", about.Version)
	}
	return time.Parse("2006010215", m[1])
}

// spans reads lines of first address, last address, and an AS number or a country.
func spans(r io.Reader) ([]span, error) {
	lines := csv.NewReader(r)
	lines.FieldsPerRecord, lines.ReuseRecord = -1, true
	var list []span
	for {
		line, err := lines.Read()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		s, ok, err := spanOf(line)
		if err != nil {
			n, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if ok {
			list = append(list, s)
		}
	}
}

// spanOf reads one line; ok is false for an IPv6 range that holds no /64's first address or is outside 2000::/3.
func spanOf(line []string) (s span, ok bool, err error) {
	if len(line) < 3 {
		return s, false, fmt.Errorf("it has %d fields, not 3 or more", len(line))
	}
	first, err := netip.ParseAddr(line[0])
	if err != nil {
		return s, false, err
	}
	last, err := netip.ParseAddr(line[1])
	if err != nil {
		return s, false, err
	}
	if first.Is4() != last.Is4() || last.Less(first) {
		return s, false, fmt.Errorf("%s to %s is no range", first, last)
	}
	if n, err := strconv.ParseUint(line[2], 10, 32); err == nil {
		if n <= highestASN {
			s.info.ASN = uint32(n)
		}
	} else {
		s.info.Country = line[2]
	}
	if first.Is4() {
		a, b := first.As4(), last.As4()
		s.first, s.last = uint64(binary.BigEndian.Uint32(a[:])), uint64(binary.BigEndian.Uint32(b[:]))
		return s, true, nil
	}
	a, b := first.As16(), last.As16()
	s.first, s.last = binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])
	if binary.BigEndian.Uint64(a[8:]) != 0 {
		s.first++
	}
	return s, s.first <= s.last && s.first>>61 == 1 && s.last>>61 == 1, nil
}
