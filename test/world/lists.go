package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Character is how a blocklist is.
type Character string

// The characters. Only the word of a list that is Healthy or Slow is worth anything.
const (
	Healthy        Character = "healthy"         // rbldnsd, as it should be
	DeadEverything Character = "dead-everything" // lists whatever is asked for, as abandoned domains do
	DeadSilent     Character = "dead-silent"     // nobody answers
	DeadEmpty      Character = "dead-empty"      // lists nothing, not even its test point
	RefusingCode   Character = "refusing-code"   // answers 127.255.255.254 to everything
	RefusingRcode  Character = "refusing-rcode"  // RCODE 5
	Slow           Character = "slow"            // as Healthy, after SlowWait
	Rewriting      Character = "rewriting"       // a resolver puts an address in the place of "no such name"
)

// SlowWait is how long a Slow list thinks.
const SlowWait = 300 * time.Millisecond

// Characters is all of them.
func Characters() []Character {
	return []Character{Healthy, DeadEverything, DeadSilent, DeadEmpty, RefusingCode, RefusingRcode, Slow, Rewriting}
}

// Sound reports whether what such a list says is so.
func (c Character) Sound() bool { return c == Healthy || c == Slow }

// List is one blocklist, and the truth about it.
type List struct {
	Name, Zone string
	Character  Character
	Listed     []string // addresses that it lists, if it is sound; not of RFC 5737, of which a check asks for one that nobody lists
}

// Lists are many.
type Lists struct{ All []List }

// NewLists makes n of each character, at most 200 for postward's reader takes 2000 in all: "healthy-1" with the zone
// "healthy-1.bl.example" and so on, those of one character after the other. They list IPv4 addresses, at first none.
func NewLists(n int) *Lists {
	l := &Lists{}
	for _, c := range Characters() {
		for i := range n {
			name := fmt.Sprintf("%s-%d", c, i+1)
			l.All = append(l.All, List{Name: name, Zone: name + ".bl.example", Character: c})
		}
	}
	return l
}

// Of is the lists of a character.
func (l *Lists) Of(c Character) []List {
	var all []List
	for _, list := range l.All {
		if list.Character == c {
			all = append(all, list)
		}
	}
	return all
}

// ByName is the list of that name, or nil. Its Listed may be set before Serve.
func (l *Lists) ByName(name string) *List {
	for i := range l.All {
		if l.All[i].Name == name {
			return &l.All[i]
		}
	}
	return nil
}

// Write makes a directory of files as postward reads them (the keys of internal/lists/dnsbl's lists.yaml), one a character.
// The lists named in retired are said to be dead: those that the program knows by itself and that this world lacks.
func (l *Lists) Write(dir string, retired ...string) error {
	files := make(map[string]*strings.Builder)
	in := func(file string) *strings.Builder {
		if files[file] == nil {
			files[file] = &strings.Builder{}
			files[file].WriteString("lists:\n")
		}
		return files[file]
	}
	for _, list := range l.All {
		fmt.Fprintf(in(string(list.Character)+".yaml"), `  - name: %s
    title: Test list %s
    role: block
    kinds: [ip4]
    zones: [%s]
    codes:
      127.0.0.2: listed
    influence: {level: low}
    removal: {method: self-service, url: https://%s/remove}
    terms: {access: free}
    certainty: confirmed
`, list.Name, list.Name, list.Zone, list.Zone)
	}
	for _, name := range retired {
		fmt.Fprintf(in("retired.yaml"), "  - {name: %s, status: {state: dead, note: not in this world}}\n", name)
	}
	var errs []error
	for file, text := range files {
		errs = append(errs, os.WriteFile(filepath.Join(dir, file), []byte(text.String()), 0o644))
	}
	return errors.Join(errs...)
}

// Serve makes every list answer as it is through s. The sound ones come from a real rbldnsd, which is the caller's to
// close.
func (l *Lists) Serve(ctx context.Context, s *Server) (*Rbldnsd, error) {
	var real []Blocklist
	for _, list := range l.All {
		if list.Character.Sound() {
			real = append(real, Blocklist{Zone: list.Zone, Listed: list.Listed})
		}
	}
	r, err := StartRbldnsd(ctx, real)
	if err != nil {
		return nil, err
	}
	behaviours := map[Character]Behaviour{
		DeadEverything: {Kind: Everything}, DeadSilent: {Kind: Silent}, DeadEmpty: {Kind: NoName}, RefusingCode: {Kind: Code},
		RefusingRcode: {Kind: Refuse}, Slow: {Wait: SlowWait}, Rewriting: {Kind: Rewrite},
	}
	for _, list := range l.All {
		if list.Character.Sound() {
			s.Delegate(list.Zone, r.Addr())
		}
		if b, ok := behaviours[list.Character]; ok {
			s.Behave(list.Zone, b)
		}
	}
	return r, nil
}
