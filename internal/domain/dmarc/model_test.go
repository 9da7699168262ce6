package dmarc

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A second opinion: DMARC once more, naively, from the sentences of RFC 9989, over a map of answers in which a silent name
// is tried with every answer that matters. What is known must then be what all of these worlds agree on, and what they do not
// agree on must be temperror.

// answers are what a world has at _dmarc of a domain: "" nothing, "silent", or the tags of a record.
type answers struct {
	at      map[string]string
	ghosts  map[string]bool // names that do not exist
	unknown map[string]bool // names whose existence is not told
}

const silent = "silent"

// modelled is the verdict of the model for one author.
type modelled struct {
	result Result
	policy Policy // of a fail
}

// judgeModel is sections 5.3.1 to 5.3.6 for one Author Domain in a world without silence.
func judgeModel(w answers, author string, spf Identifier, dkim []Identifier) modelled {
	own, tags := author, w.tags(author)
	org := w.org(author)
	if tags == nil {
		own, tags = org, w.tags(org)
		if !slices.Contains(queried(author), org) {
			tags = nil
		}
	}
	if tags == nil {
		for _, name := range queried(author) {
			if t := w.tags(name); t != nil && t["psd"] != "" && t["psd"] != "u" {
				own, tags = name, t
				break
			}
		}
	}
	if tags == nil {
		return modelled{result: Inapplicable}
	}
	if tags["p"] == "bad" && tags["rua"] == "" {
		return modelled{result: PermError}
	}
	for i, id := range append([]Identifier{spf}, dkim...) {
		mode := tags["adkim"]
		if i == 0 {
			mode = tags["aspf"]
		}
		if id.Result == "pass" && (id.Domain == author || mode != "s" && w.org(id.Domain) == org) {
			return modelled{result: Pass}
		}
	}
	return modelled{Fail, wanted(tags, own != author, w.ghosts[author])}
}

// wanted is section 4.7: p, sp, np and t.
func wanted(tags map[string]string, below, ghost bool) Policy {
	order := []string{"p"}
	if below {
		order = []string{"sp", "p"}
	}
	if below && ghost {
		order = []string{"np", "sp", "p"}
	}
	p := None
	if tags["p"] == "bad" {
		return p
	}
	for _, tag := range order {
		if tags[tag] != "" {
			p = Policy(tags[tag])
			break
		}
	}
	if tags["t"] == "y" {
		return map[Policy]Policy{None: None, Quarantine: None, Reject: Quarantine}[p]
	}
	return p
}

// tags is the one record at a domain; nil: none.
func (w answers) tags(domain string) map[string]string {
	text := w.at[domain]
	if text == "" {
		return nil
	}
	tags := map[string]string{"": ""}
	for tag := range strings.SplitSeq(text, "; ") {
		name, value, _ := strings.Cut(tag, "=")
		tags[name] = value
	}
	return tags
}

// queried are the names of section 4.10, steps 1 to 7, without a stop.
func queried(domain string) []string {
	labels := strings.Split(domain, ".")
	names := []string{domain}
	rest := labels[1:]
	if len(labels) >= 8 {
		rest = labels[len(labels)-7:]
	}
	for ; len(rest) > 0; rest = rest[1:] {
		names = append(names, strings.Join(rest, "."))
	}
	return names
}

// org is section 4.10.2, read upwards with recursion.
func (w answers) org(domain string) string {
	var climb func(names []string, best string) string
	climb = func(names []string, best string) string {
		if len(names) == 0 {
			return best
		}
		t := w.tags(names[0])
		switch {
		case t == nil:
			return climb(names[1:], best)
		case t["psd"] == "n":
			return names[0]
		case t["psd"] == "y" && names[0] != domain:
			inside := strings.TrimSuffix(domain, "."+names[0])
			return inside[strings.LastIndex(inside, ".")+1:] + "." + names[0]
		case t["psd"] == "y":
			return domain
		}
		return climb(names[1:], names[0])
	}
	return climb(queried(domain), domain)
}

// possible are the worlds that a world with silence can be: at most four silent names, each with anything that could matter.
func possible(w answers) (all []answers) {
	all = []answers{w}
	for _, name := range slices.Sorted(maps.Keys(w.at)) {
		if w.at[name] != silent {
			continue
		}
		var more []answers
		for _, one := range all {
			for _, text := range []string{"", "p=none", "p=reject", "p=none; psd=n", "p=none; psd=y", "p=reject; adkim=s; aspf=s"} {
				at := maps.Clone(one.at)
				at[name] = text
				more = append(more, answers{at: at, ghosts: one.ghosts})
			}
		}
		all = more
	}
	for name := range w.unknown {
		for _, one := range slices.Clone(all) {
			ghosts := maps.Clone(one.ghosts)
			ghosts[name] = !ghosts[name]
			all = append(all, answers{at: one.at, ghosts: ghosts})
		}
	}
	return all
}

// domains are few, so that they meet.
var domains = []string{"com", "example.com", "a.example.com", "b.example.com", "c.a.example.com", "example.org", "org", "b.c.d.e.f.a.example.com", "a.b.c.d.e.f.a.example.com"}

func drawRecord(t *rapid.T, label string) string {
	tags := []string{rapid.SampledFrom([]string{"p=none", "p=quarantine", "p=reject", "p=bad", "p=bad; rua=mailto:a@example.com", "x=y"}).Draw(t, label+" p")}
	for _, one := range [][]string{{"sp=none", "sp=reject"}, {"np=none", "np=quarantine", "np=reject"}, {"t=y", "t=n"}, {"adkim=s", "adkim=r"}, {"aspf=s"}, {"psd=y", "psd=n", "psd=u"}, {"pct=0"}} {
		tags = append(tags, rapid.SampledFrom(append(one, "", "")).Draw(t, label+" tag"))
	}
	return strings.Join(slices.DeleteFunc(tags, func(s string) bool { return s == "" }), "; ")
}

// drawWorld draws what stands at every name that a walk from one of the domains can ask for.
func drawWorld(t *rapid.T) (w answers, lines []string) {
	w = answers{map[string]string{}, map[string]bool{}, map[string]bool{}}
	quiet := 0
	for _, domain := range append([]string{"d.e.f.a.example.com", "c.d.e.f.a.example.com"}, domains...) {
		switch kind := rapid.IntRange(0, 11).Draw(t, domain); {
		case kind < 6:
		case kind == 6 && quiet < 3:
			quiet++
			w.at[domain] = silent
			lines = append(lines, "!servfail _dmarc."+domain)
		case kind == 7:
			lines = append(lines, "_dmarc."+domain+`. TXT "v=DMARC1; p=reject"`, "_dmarc."+domain+`. TXT "v=DMARC1; p=none; psd=n"`)
		default:
			w.at[domain] = drawRecord(t, domain)
			lines = append(lines, "_dmarc."+domain+`. TXT "v=DMARC1; `+w.at[domain]+`"`)
		}
	}
	return w, lines
}

// exist draws whether the author exists. It does when something stands below it, whatever is drawn.
func exist(t *rapid.T, w answers, lines []string, author string) []string {
	below := slices.ContainsFunc(lines, func(l string) bool {
		name, _, _ := strings.Cut(l, ". ")
		return !strings.HasPrefix(l, "!") && (name == author || strings.HasSuffix(name, "."+author))
	})
	switch kind := rapid.IntRange(0, 2).Draw(t, "existence"); {
	case kind == 0:
		lines = append(lines, author+". A 192.0.2.1")
	case kind == 1 && !below && w.at[author] != silent:
		w.unknown[author] = true
		lines = append(lines, "!timeout "+author)
	case !below:
		w.ghosts[author] = true
	}
	return lines
}

func drawIdentifier(t *rapid.T, label string) Identifier {
	return Identifier{rapid.SampledFrom(domains).Draw(t, label), rapid.SampledFrom([]string{"pass", "pass", "fail", "temperror"}).Draw(t, label+" result")}
}

func TestASecondOpinionAgrees(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, lines := drawWorld(rt)
		author := rapid.SampledFrom(domains).Draw(rt, "author")
		lines = exist(rt, w, lines, author)
		m := Mail{Authors: []string{author}, MailFrom: drawIdentifier(rt, "spf")}
		for range rapid.IntRange(0, 2).Draw(rt, "signatures") {
			m.DKIM = append(m.DKIM, drawIdentifier(rt, "dkim"))
		}
		agree(rt, Judge(t.Context(), newWorld(t, lines), m), opinions(w, author, &m), heard(lines, &m))
	})
}

// opinions are what the model says of every possible world.
func opinions(w answers, author string, m *Mail) map[modelled]bool {
	said := make(map[modelled]bool)
	for _, one := range possible(w) {
		for _, ids := range ended(append([]Identifier{m.MailFrom}, m.DKIM...)) {
			said[judgeModel(one, author, ids[0], ids[1:])] = true
		}
	}
	return said
}

// ended are the ways in which authentications that did not end could have.
func ended(ids []Identifier) [][]Identifier {
	all := [][]Identifier{nil}
	for _, id := range ids {
		results := []string{id.Result}
		if id.Result == "temperror" {
			results = []string{"pass", "fail"}
		}
		var more [][]Identifier
		for _, one := range all {
			for _, r := range results {
				more = append(more, append(slices.Clone(one), Identifier{id.Domain, r}))
			}
		}
		all = more
	}
	return all
}

// heard reports whether nothing is silent.
func heard(lines []string, m *Mail) bool {
	return !slices.ContainsFunc(lines, func(l string) bool { return l[0] == '!' }) &&
		!slices.ContainsFunc(append(m.DKIM, m.MailFrom), func(id Identifier) bool { return id.Result == "temperror" })
}

// agree: what is said for sure is so in every world. Temperror may be said whenever something is silent (section 5.3.6).
func agree(t *rapid.T, v Verdict, said map[modelled]bool, heard bool) {
	is := modelled{result: v.Result}
	if v.Result == Fail {
		is.policy = v.Asked
	}
	switch {
	case v.Result == TempError && heard:
		t.Fatalf("nothing is silent, and it is %+v", v)
	case v.Result != TempError && (len(said) != 1 || !said[is]):
		t.Fatalf("%+v, and the second opinion is %v", v, said)
	}
}
