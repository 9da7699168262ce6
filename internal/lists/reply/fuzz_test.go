package reply

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

// FuzzRead holds what is true of every reply: no panic, a class of the set unless the mail was taken, what is shown is one short
// printable line, advice leads to where data or the receiver's own host leads, and the same words mean the same again.
func FuzzRead(f *testing.F) {
	s := load(f)
	for _, p := range s.Patterns() {
		f.Add([]byte(p.Sample), "aspmx.l.google.com")
	}
	f.Add([]byte(elsewhere+gmailText+endOfData), "")
	f.Add([]byte(bluewinURL+"https://postmaster.bluewin.ch/x"), "mxbw.bluewin.ch")
	f.Add([]byte("delivery temporarily suspended: host a[::1] refused to talk to me: 421-4.7.0 \x1b[31m"), "none")
	links := map[string]bool{"": true}
	for _, p := range s.Patterns() {
		links[p.Link] = true
	}
	r := NewReader(s)
	f.Fuzz(func(t *testing.T, logged []byte, host string) {
		p := Parse(logged, host)
		m := r.Read(p)
		if p.Accepted() != (m.Class == "") || m.Class != "" && !slices.Contains(classes, m.Class) {
			t.Errorf("class %q", m.Class)
		}
		for _, text := range []string{p.Text, p.Host, p.Command, m.Receiver, m.Title, m.Do, m.Own} {
			if len(text) > 1000 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("shown: %q", text)
			}
		}
		if !links[m.Link] {
			t.Errorf("link %q", m.Link)
		}
		if who := s.At(p.Host); m.Own != "" && (who == nil || !who.owns(hostOf(m.Own))) {
			t.Errorf("own link %q of %q", m.Own, p.Host)
		}
		if again := s.Read(Parse(logged, host)); again.Class != m.Class || again.Pattern != m.Pattern || again.Receiver != m.Receiver || again.Own != m.Own {
			t.Errorf("%+v, then %+v", m, again)
		}
	})
}
