package proof

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"time"

	"postward/internal/auth/mailauth"
)

// Bounds of what is remembered of forwarders, and what it takes to be proposed.
const (
	maxForwarders = 128 // of more, those with the fewest days are forgotten
	maxAuthors    = 8
	maxFor        = 4

	askedDays    = 3 // on so many days its mail was marked, and on so many it was shown to be its authors'
	askedAuthors = 3
)

// Forwarders remembers who hands mail on to people of this site, is not listed, and had mail marked or refused for that. It proposes, and
// nothing goes by it: see docs/adr/0008. The zero value is ready.
type Forwarders struct {
	mu      sync.Mutex
	by      map[string]*forwarder
	changed bool
}

// forwarder is what is remembered of one. Bit i of the days is the i-th day before Day.
type forwarder struct {
	Day     int64    `json:"day"` // since 1970
	Marked  uint64   `json:"marked"`
	Proved  uint64   `json:"proved"`  // its authors' own signatures showed that they wrote it
	Sealed  uint64   `json:"sealed"`  // mail was marked that its seal vouches for
	Mails   int      `json:"mails"`   // marked or refused
	Vouched int      `json:"vouched"` // of these, by its seal
	Authors []string `json:"authors,omitempty"`
	For     []string `json:"for,omitempty"`
}

// Proposal is a forwarder that a person may list.
type Proposal struct {
	Domain  string
	As      string   // the key under [authentication]: forwarders, or sealers where its seal vouches for most of its mail
	Mails   int      // that were marked or refused, since it is remembered
	Days    int      // on which that was, of the last 64
	Proved  int      // days on which mail of it was shown to be its authors'
	Authors []string // domains of those, the first few
	For     []string // whom the marked mail was for, the first few
}

// note remembers what a mail says of who handed it on. Who had no mail marked is none of our concern: nobody has to list him.
func (f *Forwarders) note(r *mailauth.Result, recipients []string, now time.Time) {
	hurt := r.Disposition >= mailauth.Mark && !r.Flooded && !r.Cut
	if len(r.Handed) == 0 || r.Overridden != "" || !hurt && !r.Survived {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range r.Handed {
		x := f.by[h.Domain]
		if x == nil && hurt {
			x = f.meet(h.Domain)
		}
		if x != nil {
			x.note(h, hurt, r.Authors, recipients, now)
			f.changed = true
		}
	}
}

func (x *forwarder) note(h mailauth.Handed, hurt bool, authors, recipients []string, now time.Time) {
	bit := x.turn(now)
	if !hurt {
		x.Proved |= bit
		x.Authors = few(x.Authors, authors, maxAuthors)
		return
	}
	x.Marked |= bit
	x.Mails++
	x.For = few(x.For, recipients, maxFor)
	if h.Vouches {
		x.Sealed |= bit
		x.Vouched++
	}
}

// turn goes on to a day, if it is a later one, and returns its bit. A clock that is set back for long begins anew.
func (x *forwarder) turn(now time.Time) uint64 {
	day := now.Unix() / (24 * 60 * 60)
	if x.Day-day >= 64 {
		*x = forwarder{}
	}
	if n := day - x.Day; n > 0 {
		x.Marked, x.Proved, x.Sealed, x.Day = x.Marked<<n, x.Proved<<n, x.Sealed<<n, day // a shift by 64 leaves nothing
	}
	return 1 << uint64(x.Day-day)
}

func few(all, more []string, most int) []string {
	for _, one := range more {
		if len(all) < most && !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// meet makes room for one more. The caller holds the mutex.
func (f *Forwarders) meet(domain string) *forwarder {
	if f.by == nil {
		f.by = map[string]*forwarder{}
	}
	for len(f.by) >= maxForwarders {
		least := slices.MinFunc(slices.Sorted(maps.Keys(f.by)), func(a, b string) int {
			x, y := f.by[a], f.by[b]
			return cmp.Or(cmp.Compare(x.days(), y.days()), cmp.Compare(x.Day, y.Day))
		})
		delete(f.by, least)
	}
	f.by[domain] = &forwarder{}
	return f.by[domain]
}

func (x *forwarder) days() int { return bits.OnesCount64(x.Marked) + bits.OnesCount64(x.Proved) }

// propose are those that a person may list, the ones that cost most days first.
func (f *Forwarders) propose(now time.Time) []Proposal {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := []Proposal{}
	for domain, x := range f.by {
		if x.turn(now); x.Marked|x.Proved == 0 {
			delete(f.by, domain)
			f.changed = true
		} else if as := x.as(); as != "" {
			all = append(all, Proposal{domain, as, x.Mails, bits.OnesCount64(x.Marked), bits.OnesCount64(x.Proved), slices.Clone(x.Authors), slices.Clone(x.For)})
		}
	}
	slices.SortFunc(all, func(a, b Proposal) int { return cmp.Or(cmp.Compare(b.Days, a.Days), cmp.Compare(a.Domain, b.Domain)) })
	return all
}

// as is under which key one may be listed; empty: under none yet. Mail that fails says nothing for who brings it, however much it is.
func (x *forwarder) as() string {
	switch marked := bits.OnesCount64(x.Marked); {
	case marked < askedDays:
	case bits.OnesCount64(x.Sealed) >= askedDays && 2*x.Vouched >= x.Mails:
		return "sealers"
	case bits.OnesCount64(x.Proved) >= askedDays && len(x.Authors) >= askedAuthors:
		return "forwarders"
	}
	return ""
}

// Save is what Load takes; empty: nothing changed since.
func (f *Forwarders) Save() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.changed {
		return "", nil
	}
	f.changed = false
	text, err := json.Marshal(f.by)
	return string(text), err
}

// Load takes what was saved.
func (f *Forwarders) Load(text string) error {
	by := map[string]*forwarder{}
	if err := json.Unmarshal([]byte(text), &by); err != nil {
		return fmt.Errorf("read what is remembered of forwarders: %w; it is collected anew", err)
	}
	maps.DeleteFunc(by, func(_ string, x *forwarder) bool { return x == nil })
	f.mu.Lock()
	defer f.mu.Unlock()
	f.by = by
	return nil
}
