package dnsbl

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"postward/internal/lists/facts"
	"postward/internal/wire/dns"
)

//go:embed lists.yaml
var embedded []byte

// Set is the lists that are known. It does not change; many may use it.
type Set struct {
	lists  []*List
	byName map[string]*List
	byZone map[string]*List
}

// Load reads the lists that are part of the program and then the operator's: every *.yaml in dir, in the order of
// their names. A list with a known name changes what it says of it and leaves the rest. Without dir, or when it
// does not exist, there are no files. The error names every line that is not as it should be, at most 20 a file.
func Load(dir string) (*Set, error) {
	s := &Set{byName: make(map[string]*List), byZone: make(map[string]*List)}
	if err := s.read("lists.yaml", embedded); err != nil {
		return nil, fmt.Errorf("read the lists of the program: %w", err)
	}
	if err := facts.Each(dir, s.read); err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	s.index()
	return s, nil
}

// read adds what one file says.
func (s *Set) read(file string, data []byte) error {
	in := &facts.File{Name: file}
	root := in.Parse(data)
	if root == nil {
		return errors.Join(in.Errs...)
	}
	read := s.entries(in, root)
	for _, l := range read {
		for _, text := range l.broken(s.byName) {
			in.Errs = append(in.Errs, fmt.Errorf("%s: list %s: %s", l.From, l.Name, text))
		}
	}
	return errors.Join(in.Errs[:min(len(in.Errs), facts.MaxErrors)]...)
}

// All returns the lists in the order of their files. The slice is the caller's, the lists are not.
func (s *Set) All() []*List { return slices.Clone(s.lists) }

// ByName returns the list of that name, or nil.
func (s *Set) ByName(name string) *List { return s.byName[name] }

// ByZone returns the list that has a zone, with any case and with or without a final dot; nil when nobody knows it.
// A zone in which a key takes the first label belongs to the list that wants one.
func (s *Set) ByZone(zone string) *List {
	zone = strings.TrimSuffix(strings.ToLower(zone), ".")
	if l := s.byZone[zone]; l != nil {
		return l
	}
	_, above, found := strings.Cut(zone, ".")
	if !found {
		return nil
	}
	if l := s.byZone["{key}."+above]; l != nil {
		return l
	}
	for ; found; _, above, found = strings.Cut(above, ".") {
		if l := s.byZone["*."+above]; l != nil {
			return l
		}
	}
	return nil
}

// index makes byZone. Of two lists with one zone the first has it.
func (s *Set) index() {
	for _, l := range s.lists {
		for _, zone := range append(slices.Clone(l.Zones), l.KeyZone) {
			if _, taken := s.byZone[zone]; zone != "" && !taken {
				s.byZone[zone] = l
			}
		}
	}
}

// add puts a list into the set, in the place of the one it changes.
func (s *Set) add(l *List) {
	if old := s.byName[l.Name]; old != nil {
		s.lists[slices.Index(s.lists, old)] = l
	} else {
		s.lists = append(s.lists, l)
	}
	s.byName[l.Name] = l
}

// validZone reports whether a zone can be asked: a name as DNS has it, lower case, without the final dot. Where
// nobody asks, its first label may be "*".
func validZone(zone string, asked bool) bool {
	if rest, wild := strings.CutPrefix(zone, "*."); wild && !asked {
		zone = rest
	}
	canonical, ok := dns.Canonical(zone)
	return ok && canonical == zone+"." && dns.Show(zone) == zone && !strings.ContainsAny(zone, "*/\\") && strings.Contains(zone, ".")
}
