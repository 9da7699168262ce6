package world

import (
	"fmt"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// zone is records, and every name that they make exist. It does not change.
type zone struct {
	records []mdns.RR
	sets    map[string]map[uint16][]mdns.RR
	names   map[string]bool // empty non-terminals too (RFC 8020)
}

// parseZone reads a zone file (RFC 1035 section 5). Without a SOA at the apex it gets one, for negative answers need it.
func parseZone(apex, text string) (*zone, error) {
	var records []mdns.RR
	p := mdns.NewZoneParser(strings.NewReader(text), apex, "")
	p.SetDefaultTTL(60)
	for r, ok := p.Next(); ok; r, ok = p.Next() {
		if !mdns.IsSubDomain(apex, r.Header().Name) {
			return nil, fmt.Errorf("read zone %s: %s is not in it", apex, r.Header().Name)
		}
		records = append(records, r)
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("read zone %s: %w", apex, err)
	}
	return newZone(apex, records)
}

func newZone(apex string, records []mdns.RR) (*zone, error) {
	z := &zone{sets: make(map[string]map[uint16][]mdns.RR), names: make(map[string]bool)}
	for _, r := range records {
		z.add(apex, r)
	}
	if z.sets[apex][mdns.TypeSOA] == nil {
		below := strings.TrimPrefix("."+apex, "..")
		soa, err := mdns.NewRR(fmt.Sprintf("%s 60 SOA ns%s hostmaster%s 1 3600 900 604800 60", apex, below, below))
		if err != nil {
			return nil, fmt.Errorf("make the SOA of %s: %w", apex, err)
		}
		z.add(apex, soa)
	}
	return z, nil
}

func (z *zone) add(apex string, r mdns.RR) {
	name := mdns.CanonicalName(r.Header().Name)
	if z.sets[name] == nil {
		z.sets[name] = make(map[uint16][]mdns.RR)
	}
	z.records = append(z.records, r)
	z.sets[name][r.Header().Rrtype] = append(z.sets[name][r.Header().Rrtype], r)
	for ; mdns.IsSubDomain(apex, name) && !z.names[name]; name = parent(name) {
		z.names[name] = true
	}
}

// at returns the records that stand at a name, those of a wildcard too (RFC 4592 section 3.3.1), and whether it exists.
func (z *zone) at(name string) (map[uint16][]mdns.RR, bool) {
	if z.names[name] {
		return z.sets[name], true
	}
	encloser := parent(name)
	for !z.names[encloser] {
		if encloser == "." {
			return nil, false
		}
		encloser = parent(encloser)
	}
	wild, ok := z.sets["*."+strings.TrimPrefix(encloser, ".")]
	return wild, ok
}

// soa is the one above a name that is nearest.
func (z *zone) soa(name string) []mdns.RR {
	for ; ; name = parent(name) {
		if soa := z.sets[name][mdns.TypeSOA]; soa != nil || name == "." {
			return soa
		}
	}
}

// without is the records but those that line names: "name TYPE" a whole set, "name TYPE data" one. TTLs do not count.
func without(records []mdns.RR, line string) ([]mdns.RR, error) {
	var gone func(mdns.RR) bool
	if fields := strings.Fields(line); len(fields) == 2 {
		name, kind := mdns.CanonicalName(fields[0]), mdns.StringToType[strings.ToUpper(fields[1])]
		gone = func(r mdns.RR) bool { return r.Header().Rrtype == kind && mdns.CanonicalName(r.Header().Name) == name }
	} else {
		one, err := mdns.NewRR(line)
		if err != nil || one == nil {
			return nil, fmt.Errorf("take out %q: no record (%v)", line, err)
		}
		gone = func(r mdns.RR) bool { return mdns.IsDuplicate(r, one) }
	}
	left := slices.DeleteFunc(slices.Clone(records), gone)
	if len(left) == len(records) {
		return nil, fmt.Errorf("take out %q: it is not there", line)
	}
	return left, nil
}

// with is the records and one more.
func with(records []mdns.RR, line string) ([]mdns.RR, error) {
	one, err := mdns.NewRR(line)
	if err != nil || one == nil {
		return nil, fmt.Errorf("put in %q: no record (%v)", line, err)
	}
	one.Header().Ttl = 60
	return append(slices.Clone(records), one), nil
}

// owner is the name that a line of a zone file begins with.
func owner(line string) (string, error) {
	fields := strings.Fields(line)
	if len(fields) == 0 || !strings.HasSuffix(fields[0], ".") {
		return "", fmt.Errorf("change %q: it does not begin with a whole name", line)
	}
	return mdns.CanonicalName(fields[0]), nil
}

// owned is copies of records with another owner.
func owned(records []mdns.RR, name string) []mdns.RR {
	var all []mdns.RR
	for _, r := range records {
		c := mdns.Copy(r)
		c.Header().Name = name
		all = append(all, c)
	}
	return all
}

// parent is the name above; the root's is the root.
func parent(name string) string {
	if next, end := mdns.NextLabel(name, 0); !end {
		return name[next:]
	}
	return "."
}

// longest finds the value whose name is name, or the nearest above it.
func longest[T any](of map[string]T, name string) (at string, found T, ok bool) {
	for at = name; ; at = parent(at) {
		if found, ok = of[at]; ok || at == "." {
			return at, found, ok
		}
	}
}
