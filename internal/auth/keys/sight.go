package keys

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postward/internal/domain/dkimkey"
)

// Showing is what one name server shows where a key's record belongs.
type Showing string

// What a server can show.
const (
	Right  Showing = "right"  // the record, and no other
	Absent Showing = "absent" // nothing
	Wrong  Showing = "wrong"  // something else
	Silent Showing = "silent" // no answer from any of its addresses, or none with authority
)

// Sight is what the name servers of a zone showed of one key.
type Sight struct {
	At       time.Time     `json:"at"`
	Servers  []Witness     `json:"servers"`
	Negative time.Duration `json:"negative"`       // how long it is believed that a name of the zone is not there (RFC 2308 section 5)
	Stale    time.Duration `json:"stale,omitzero"` // how long what was shown in the place of the key is believed
}

// Witness is one server and what it showed.
type Witness struct {
	Server string  `json:"server"`
	Shows  Showing `json:"shows"`
	Text   string  `json:"text,omitempty"` // what is wrong, or why it was silent
}

// count is how many servers show something.
func (s *Sight) count(what Showing) (n int) {
	for _, w := range s.Servers {
		if w.Shows == what {
			n++
		}
	}
	return n
}

// Everywhere reports whether every server shows the key. A silent one may show something else to others.
func (s *Sight) Everywhere() bool { return len(s.Servers) > 0 && s.count(Right) == len(s.Servers) }

// Nowhere reports whether every server answered, and none shows the key.
func (s *Sight) Nowhere() bool {
	return len(s.Servers) > 0 && s.count(Absent)+s.count(Wrong) == len(s.Servers)
}

// Elsewise reports whether a server shows something else, or nothing.
func (s *Sight) Elsewise() bool { return s.count(Absent)+s.count(Wrong) > 0 }

// Why says what keeps a key from being seen everywhere; empty: nothing.
func (s *Sight) Why() string {
	if len(s.Servers) == 0 {
		return "nobody says which are the name servers of its zone"
	}
	for _, what := range []Showing{Wrong, Absent, Silent} {
		if n := s.count(what); n > 0 {
			return s.why(what, n)
		}
	}
	return ""
}

func (s *Sight) why(what Showing, n int) string {
	w := s.Servers[slices.IndexFunc(s.Servers, func(w Witness) bool { return w.Shows == what })]
	who := w.Server
	if n == len(s.Servers) {
		who = "every name server of its zone"
	} else if n > 1 {
		who = fmt.Sprintf("%s and %d others", w.Server, n-1)
	}
	switch what {
	case Wrong:
		return "wrong at " + who + ": " + w.Text
	case Absent:
		return "not in the zone at " + who
	}
	if w.Text == "" {
		return "no answer from " + who
	}
	return "no answer from " + who + ": " + w.Text
}

// judge says what texts are, in the place of a key's record. Of several keys at one name receivers may take any (RFC 6376 section
// 3.6.2.2), and other texts are no harm.
func judge(k *Key, texts []string) (Showing, string) {
	var found []string
	for _, t := range texts {
		if dkimkey.IsKey(t) {
			found = append(found, t)
		}
	}
	switch {
	case len(texts) == 0:
		return Absent, ""
	case len(found) == 0:
		return Wrong, "what stands there is no key"
	case len(found) > 1:
		return Wrong, fmt.Sprintf("%d keys stand there", len(found))
	}
	if why := differs(k, found[0]); why != "" {
		return Wrong, why
	}
	return Right, ""
}

// spoiled are the remarks with which a record is no good, though its key is right.
var spoiled = []dkimkey.Mark{dkimkey.BadTag, dkimkey.TwiceTag, dkimkey.BadVersion, dkimkey.NoKey, dkimkey.BadKey, dkimkey.UnknownType,
	dkimkey.NoSHA256, dkimkey.NotForMail, dkimkey.TooMuch}

// differs says why a record is not that of a key; empty: it is.
func differs(k *Key, text string) string {
	record := dkimkey.Parse(text)
	if record.Revoked {
		return "its key is revoked (an empty p)"
	}
	if r, bad := record.Has(spoiled...); bad {
		return strings.TrimSpace("the record is spoiled, " + string(r.Mark) + " " + r.Text)
	}
	if record.Type != string(k.Algorithm) || record.Published() != k.Public {
		return "another key stands there (p differs)"
	}
	return ""
}
