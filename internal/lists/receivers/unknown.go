package receivers

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Unknown is a reply that nothing matches, whatever numbers are in it.
type Unknown struct {
	Receiver string    `json:"receiver"` // who said it last
	Example  string    `json:"example"`  // the last one: a stranger's text
	Count    int       `json:"count"`
	Last     time.Time `json:"last"`
}

// form is a text without what differs from mail to mail: words with a digit, an at sign or a bracket in them, after its code.
func form(text string) string {
	words := strings.Fields(strings.ToLower(text))
	for i, w := range words {
		if i > 1 && (strings.ContainsAny(w, "@[]<>") || strings.ContainsFunc(w, unicode.IsDigit)) {
			words[i] = "…"
		}
	}
	return strings.Join(words, " ")
}

// collect counts a reply that nothing matches. Of too many, who was seen least and longest ago makes room.
func (b *Board) collect(t *Told) {
	if b.unknown == nil {
		b.unknown = map[string]*Unknown{}
	}
	key := form(t.Parsed.Text)
	u := b.unknown[key]
	if u == nil {
		if len(b.unknown) >= maxUnknown {
			delete(b.unknown, rarest(b.unknown))
		}
		u = &Unknown{}
		b.unknown[key] = u
	}
	u.Receiver, u.Example, u.Last = t.Meaning.Receiver, t.Parsed.Text, t.At
	u.Count++
}

func rarest(all map[string]*Unknown) string {
	return slices.MinFunc(slices.Collect(maps.Keys(all)), func(x, y string) int {
		return cmp.Or(cmp.Compare(all[x].Count, all[y].Count), all[x].Last.Compare(all[y].Last), cmp.Compare(x, y))
	})
}

// Unknown are the replies that nothing matches, the most frequent first.
func (b *Board) Unknown() []*Unknown {
	all := []*Unknown{}
	for _, u := range b.unknown {
		c := *u
		all = append(all, &c)
	}
	slices.SortFunc(all, func(x, y *Unknown) int { return cmp.Or(y.Count-x.Count, cmp.Compare(x.Example, y.Example)) })
	return all
}
