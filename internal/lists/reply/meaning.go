package reply

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Meaning is what a reply means.
type Meaning struct {
	Receiver string   `json:"receiver,omitempty"` // a receiver's name, or the domain of a host that is nobody's we know; empty when neither is known
	Title    string   `json:"title,omitempty"`    // of the receiver
	ByText   bool     `json:"by_text,omitempty"`  // no host is known: the text alone names the receiver, and may lie
	Like     string   `json:"like,omitempty"`     // whose words these are, said by somebody else
	Class    Class    `json:"class,omitempty"`    // empty when the mail was taken
	Pattern  string   `json:"pattern,omitempty"`  // by which it is known; empty: by its code, or not at all
	Lists    []string `json:"lists,omitempty"`    // blocklists that it names
	Action   string   `json:"action,omitempty"`
	Means    string   `json:"means,omitempty"`
	Do       string   `json:"do,omitempty"`
	Link     string   `json:"link,omitempty"` // where it is done
	Own      string   `json:"own,omitempty"`  // a link of the reply to the receiver's own pages
	Time     string   `json:"time,omitempty"`
}

// Unknown reports whether a receiver said something that nothing matches, and whose code says nothing sure.
func (m *Meaning) Unknown() bool {
	return m.Pattern == "" && (m.Class == Policy || m.Class == Other) && m.Action == ""
}

// Reader says what replies mean, and remembers the last of them. For one goroutine.
type Reader struct {
	set      *Set
	now, old map[string]*Meaning
}

// remembered is how many meanings are kept, twice.
const remembered = 512

// NewReader reads by a set.
func NewReader(s *Set) *Reader { return &Reader{set: s, now: map[string]*Meaning{}} }

// Read says what a reply means. The Meaning is shared: nobody changes it.
func (r *Reader) Read(p *Parsed) *Meaning {
	key := p.Host + "\n" + p.Code + "\n" + p.Text + "\n" + p.words
	m := r.now[key]
	if m == nil {
		if m = r.old[key]; m == nil {
			m = r.set.Read(p)
		}
		if len(r.now) >= remembered {
			r.old, r.now = r.now, make(map[string]*Meaning, remembered)
		}
		r.now[key] = m
	}
	return m
}

// Read says what a reply means.
func (s *Set) Read(p *Parsed) *Meaning {
	m := &Meaning{}
	who := s.At(p.Host)
	switch {
	case who != nil:
		m.Receiver, m.Title = who.Name, who.Title
	case p.Host != "":
		m.Receiver = above(p.Host)
		m.Title = m.Receiver
	}
	switch {
	case p.Accepted():
	case p.Code == "":
		m.ownWords(p)
	default:
		s.refused(m, p, who)
	}
	return m
}

// refused says why a mail is not taken.
func (s *Set) refused(m *Meaning, p *Parsed, who *Receiver) {
	hit := s.first(p, who)
	if hit == nil || p.codeKnowsBetter(hit) {
		m.byCode(p)
		return
	}
	m.Class, m.Lists, m.Pattern, m.Means, m.Time = hit.Class, hit.Lists, hit.Name, hit.Means, hit.Time
	if p.Host != "" && len(hit.At) > 0 && !hit.saidBy(who) {
		m.Like, m.Action = hit.At[0], "review"
		m.Do = m.Receiver + " says so in the words of " + s.Receiver(hit.At[0]).Title + ", who did not say it: ask the postmaster of " + m.Receiver
		m.Time = ""
		return
	}
	m.Action, m.Do, m.Link = hit.Action, hit.Do, hit.Link
	if p.Host == "" && len(hit.At) > 0 {
		named := s.Receiver(hit.At[0])
		m.Receiver, m.Title, m.ByText = named.Name, named.Title, true
	}
	if who != nil {
		m.Own = who.link(p.Text)
	}
}

// saidBy reports whether a pattern is somebody's.
func (p *Pattern) saidBy(who *Receiver) bool {
	for _, name := range p.At {
		if who != nil && name == who.Name {
			return true
		}
	}
	return false
}

// first is the pattern that a reply matches first. Of a host that is known, what its receiver or anybody says comes before the words
// of another receiver: many say the same.
func (s *Set) first(p *Parsed, who *Receiver) (stranger *Pattern) {
	var room [32]uint16
	for _, i := range s.words.search(p.words, room[:0]) {
		pattern := s.patterns[i]
		foreign := p.Host != "" && len(pattern.At) > 0 && !pattern.saidBy(who)
		if foreign && stranger != nil || !pattern.matches(p.words) {
			continue
		}
		if !foreign {
			return pattern
		}
		stranger = pattern
	}
	return stranger
}

// above is the domain that a host belongs to: the one that somebody registered.
func above(host string) string {
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}

// link returns the first link of a text that leads to the receiver's own domains; empty when none does.
func (r *Receiver) link(text string) string {
	for _, word := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" <>\"'()[]", c) }) {
		at := strings.Index(strings.ToLower(word), "https://")
		if at < 0 {
			continue
		}
		link := strings.TrimRight(word[at:], ".,;:!")
		if r.owns(hostOf(link)) {
			return link
		}
	}
	return ""
}

// owns reports whether a host is the receiver's own.
func (r *Receiver) owns(host string) bool {
	for _, domains := range [][]string{r.Hosts, r.Pages} {
		for _, d := range domains {
			if host == d || strings.HasSuffix(host, "."+d) {
				return true
			}
		}
	}
	return false
}
