package reply

import (
	"fmt"
	"net/url"
	"regexp"
	"regexp/syntax"
	"strings"

	"go.yaml.in/yaml/v3"

	"postward/internal/lists/facts"
)

// Bounds of what is known, of the program and of the operator together.
const (
	maxReceivers = 500
	maxPatterns  = 2000
	maxMatch     = 500 // octets of a regular expression
)

var (
	validName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	validHost = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
)

// sections reads the two parts of a file.
func (s *Set) sections(in *facts.File, root *yaml.Node) {
	var replies *yaml.Node
	in.Fields(root, map[string]func(*yaml.Node){
		"receivers": func(n *yaml.Node) { each(in, n, maxReceivers, "receiver", s.readReceiver) },
		"replies":   func(n *yaml.Node) { replies = n },
	})
	if replies != nil { // after the receivers that they name, wherever these stand
		each(in, replies, maxPatterns, "reply", s.readPattern)
	}
	if len(s.receivers) > maxReceivers || len(s.patterns) > maxPatterns {
		in.Fail(root, "more than %d receivers or %d replies in all", maxReceivers, maxPatterns)
	}
}

// each hands on the entries of a section with their names, each name once.
func each(in *facts.File, n *yaml.Node, most int, what string, read func(*facts.File, *yaml.Node, string)) {
	seen := map[string]bool{}
	in.Items(n, most, func(item *yaml.Node) {
		name := nameOf(item)
		switch {
		case !validName.MatchString(name) || len(name) > 40:
			in.Fail(item, "a %s without a name of at most 40 lower case letters, digits and hyphens: %s", what, facts.Quote(name))
		case seen[name]:
			in.Fail(item, "%s %s for the second time in one file", what, name)
		default:
			seen[name] = true
			read(in, item, name)
		}
	})
}

func nameOf(n *yaml.Node) string {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "name" {
			return n.Content[i+1].Value
		}
	}
	return ""
}

// readReceiver reads one receiver: what is said of it now, over what was known.
func (s *Set) readReceiver(in *facts.File, n *yaml.Node, name string) {
	r := s.Receiver(name)
	if r == nil {
		r = &Receiver{}
		s.receivers = append(s.receivers, r)
	}
	r.From = fmt.Sprintf("%s:%d", in.Name, n.Line)
	in.Fields(n, map[string]func(*yaml.Node){"name": in.Text(&r.Name), "title": in.Text(&r.Title), "hosts": in.Texts(&r.Hosts), "pages": in.Texts(&r.Pages)})
	if r.Title == "" || len(r.Hosts) == 0 {
		in.Fail(n, "receiver %s: no title, or no hosts", name)
	}
	for _, host := range append(r.Pages[:len(r.Pages):len(r.Pages)], r.Hosts...) {
		if !validHost.MatchString(host) {
			in.Fail(n, "receiver %s: %s is no domain in lower case", name, facts.Quote(host))
		}
	}
}

// readPattern reads one pattern: what is said of it now, over what was known.
func (s *Set) readPattern(in *facts.File, n *yaml.Node, name string) {
	p := s.pattern(name)
	if p == nil {
		p = &Pattern{Certainty: "uncertain"}
		s.patterns = append(s.patterns, p)
	}
	p.From = fmt.Sprintf("%s:%d", in.Name, n.Line)
	in.Fields(n, p.readers(in))
	for _, text := range p.broken(s) {
		in.Fail(n, "reply %s: %s", name, text)
	}
}

func (p *Pattern) readers(in *facts.File) map[string]func(*yaml.Node) {
	return map[string]func(*yaml.Node){
		"name": in.Text(&p.Name), "at": in.Texts(&p.At), "match": p.readMatch(in), "class": facts.One(in, &p.Class, classes...),
		"lists": in.Texts(&p.Lists), "action": facts.One(in, &p.Action, actions...), "means": in.Text(&p.Means), "do": in.Text(&p.Do),
		"link": in.Text(&p.Link), "link_from_memory": in.Flag(&p.Memory), "time": in.Text(&p.Time), "sample": in.Text(&p.Sample),
		"certainty": facts.One(in, &p.Certainty, "confirmed", "partly", "uncertain"), "doubts": in.Text(&p.Doubts), "source": in.Text(&p.Source),
	}
}

// readMatch reads a regular expression, and finds its fixed words: without one it would be tried at every reply.
func (p *Pattern) readMatch(in *facts.File) func(*yaml.Node) {
	return func(n *yaml.Node) {
		in.Text(&p.Match)(n)
		tree, err := syntax.Parse(p.Match, syntax.Perl)
		if err != nil || len(p.Match) > maxMatch {
			in.Fail(n, "no regular expression of at most %d octets: %v", maxMatch, err)
			return
		}
		if p.match, err = regexp.Compile(p.Match); err != nil {
			in.Fail(n, "no regular expression: %v", err)
			return
		}
		p.plain = plain(p.Match)
		if upper(tree) {
			in.Fail(n, "replies are matched in lower case: write %s so", facts.Quote(p.Match))
		}
		if p.fixed = fixed(tree.Simplify()); len(p.fixed) == 0 {
			in.Fail(n, "%s has no fixed word of %d letters in each of its ways", facts.Quote(p.Match), minFixed)
		}
	}
}

// broken says what of a pattern does not fit together.
func (p *Pattern) broken(s *Set) (texts []string) {
	say := func(wrong bool, text string) {
		if wrong {
			texts = append(texts, text)
		}
	}
	say(p.Match == "", "no match")
	say(p.Class == "", "no class")
	say(p.Action == "", "no action")
	say(p.Means == "" || p.Do == "", "no means, or no do")
	say(p.Sample == "", "no sample")
	for _, name := range p.At {
		say(s.Receiver(name) == nil, "no receiver is called "+facts.Quote(name))
	}
	if u, err := url.Parse(p.Link); p.Link != "" {
		say(err != nil || u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "mailto" || strings.ContainsAny(p.Link, " <>\"'"), "link "+facts.Quote(p.Link)+" is neither of the web nor mailto:")
	}
	return texts
}
