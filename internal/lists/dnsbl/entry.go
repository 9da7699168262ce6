package dnsbl

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"postward/internal/lists/facts"
)

// maxLists bounds what is known, of the program and of the operator.
const maxLists = 2000

var (
	validName  = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	validSince = regexp.MustCompile(`^[12][0-9]{3}(-[01][0-9](-[0-3][0-9])?)?$`)
)

// entries reads the lists of a file and adds them to the set.
func (s *Set) entries(in *facts.File, root *yaml.Node) (read []*List) {
	in.Fields(root, map[string]func(*yaml.Node){"lists": func(n *yaml.Node) {
		seen := make(map[string]bool)
		in.Items(n, maxLists, func(item *yaml.Node) {
			l := s.entry(in, item)
			if l == nil {
				return
			}
			if seen[l.Name] {
				in.Fail(item, "list %s for the second time in one file", l.Name)
				return
			}
			seen[l.Name] = true
			s.add(l)
			read = append(read, l)
		})
	}})
	if len(s.lists) > maxLists {
		in.Fail(root, "more than %d lists", maxLists)
	}
	return read
}

// entry reads one list: what is said of it now, over what was known.
func (s *Set) entry(in *facts.File, n *yaml.Node) *List {
	if n.Kind != yaml.MappingNode {
		in.Fail(n, "a list is no mapping")
		return nil
	}
	var name string
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "name" {
			name = n.Content[i+1].Value
		}
	}
	if !validName.MatchString(name) || len(name) > 40 {
		in.Fail(n, "a list without a name of at most 40 lower case letters, digits and hyphens: %s", facts.Quote(name))
		return nil
	}
	l := &List{Certainty: "uncertain", Status: Status{State: Alive}, Influence: Influence{Level: "none"},
		Removal: Removal{Method: "unknown"}, Terms: Terms{Access: NotKnown}}
	if known := s.byName[name]; known != nil {
		*l = *known
	}
	l.From = fmt.Sprintf("%s:%d", in.Name, n.Line)
	in.Fields(n, l.readers(in))
	return l
}

func (l *List) readers(in *facts.File) map[string]func(*yaml.Node) {
	return map[string]func(*yaml.Node){
		"name": in.Text(&l.Name), "title": in.Text(&l.Title), "role": facts.One(in, &l.Role, Block, Allow, Reputation),
		"kinds": l.readKinds(in), "zones": in.Texts(&l.Zones), "key": in.Text(&l.Key), "key_zone": in.Text(&l.KeyZone),
		"counts_as": in.Text(&l.CountsAs), "logins": in.Flag(&l.Logins),
		"codes": readCodes(in, &l.Codes), "notes": readCodes(in, &l.Notes), "refusals": readCodes(in, &l.Refusals),
		"because": in.Text(&l.Because), "lasts": in.Text(&l.Lasts), "expires_hours": in.Number(&l.Expires, 24*366),
		"advice": in.Text(&l.Advice), "certainty": facts.One(in, &l.Certainty, "confirmed", "partly", "uncertain"),
		"doubts": in.Text(&l.Doubts), "sources": in.Texts(&l.Sources),
		"test": in.Group(map[string]func(*yaml.Node){
			"listed": in.Text(&l.Test.Listed), "unlisted": in.Text(&l.Test.Unlisted), "expect": in.Text(&l.Test.Expect),
			"listed6": in.Text(&l.Test.Listed6), "unlisted6": in.Text(&l.Test.Unlisted6),
			"listed_domain": in.Text(&l.Test.ListedDomain), "unlisted_domain": in.Text(&l.Test.UnlistedDomain)}),
		"status": in.Group(map[string]func(*yaml.Node){
			"state": facts.One(in, &l.Status.State, Alive, Doubtful, Retired, Dead, Fraud), "since": in.Text(&l.Status.Since),
			"lists_everything": in.Flag(&l.Status.ListsEverything), "note": in.Text(&l.Status.Note)}),
		"influence": in.Group(map[string]func(*yaml.Node){
			"level": facts.One(in, &l.Influence.Level, levels...), "who": in.Text(&l.Influence.Who)}),
		"removal": in.Group(map[string]func(*yaml.Node){
			"method": facts.One(in, &l.Removal.Method, methods...), "url": in.Text(&l.Removal.URL),
			"url_from_memory": in.Flag(&l.Removal.URLFromMemory), "rules": in.Texts(&l.Removal.Rules),
			"time": in.Text(&l.Removal.Time), "paid": in.Text(&l.Removal.Paid), "evidence": in.Text(&l.Removal.Evidence)}),
		"terms": in.Group(map[string]func(*yaml.Node){
			"access":       facts.One(in, &l.Terms.Access, Free, Register, WithKey, Customers, NoAccess, NotKnown),
			"own_resolver": in.Flag(&l.Terms.OwnResolver), "per_day": in.Number(&l.Terms.PerDay, 1e9),
			"per_second": in.Number(&l.Terms.PerSecond, 1e6), "text": in.Text(&l.Terms.Text)}),
	}
}

func (l *List) readKinds(in *facts.File) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var all []Kind
		in.Items(n, 4, func(item *yaml.Node) {
			var k Kind
			facts.One(in, &k, IPv4, IPv6, Domain, Hash)(item)
			all = append(all, k)
		})
		l.Kinds = all
	}
}

// readCodes reads "code: meaning" and "code: {means: meaning, list: name}".
func readCodes(in *facts.File, to *[]Code) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var all []Code
		in.Pairs(n, func(key, value *yaml.Node) {
			c, err := parseCode(key.Value)
			if err != nil {
				in.Fail(key, "code %s: %v", facts.Quote(key.Value), err)
				return
			}
			if value.Kind == yaml.MappingNode {
				in.Fields(value, map[string]func(*yaml.Node){"means": in.Text(&c.Means), "list": in.Text(&c.List)})
			} else {
				in.Text(&c.Means)(value)
			}
			all = append(all, c)
		})
		if len(all) > facts.MaxItems {
			in.Fail(n, "more than %d codes", facts.MaxItems)
		}
		*to = all
	}
}

// broken says what of a list does not fit together. known is every list there is.
func (l *List) broken(known map[string]*List) (texts []string) {
	say := func(wrong bool, text string) {
		if wrong {
			texts = append(texts, text)
		}
	}
	say(l.Title == "", "no title")
	say(l.Role == "", "no role")
	say(len(l.Kinds) == 0, "no kinds")
	say(l.Status.Since != "" && !validSince.MatchString(l.Status.Since), "since is not like 2024, 2024-06 or 2024-06-05")
	asked := l.Status.Asked()
	for _, zone := range l.Zones {
		say(!validZone(zone, asked), "zone "+facts.Quote(zone)+" is no name in lower case")
	}
	rest, keyed := strings.CutPrefix(l.KeyZone, "{key}.")
	say(l.KeyZone != "" && (!keyed || !validZone(rest, true)), "key_zone is not {key}. and a name")
	say((l.KeyZone == "") != (l.Key == ""), "key and key_zone belong together")
	say(l.Terms.Access == WithKey && l.KeyZone == "", "a key is wanted, but there is no key_zone")
	say(asked && len(l.Zones) > 0 && len(l.Codes)+len(l.Notes) == 0, "no codes")
	say(!asked && l.Status.Since == "" && l.Status.Note == "", "not asked, and neither since nor note says why")
	say(slices.ContainsFunc(l.Refusals, func(c Code) bool { return c.other }), "a refusal cannot be other")
	for _, codes := range [][]Code{l.Codes, l.Notes, l.Refusals} {
		for i := range codes {
			say(codes[i].Means == "", "code "+codes[i].Text+" has no meaning")
			say(codes[i].List != "" && known[codes[i].List] == nil, "code "+codes[i].Text+" belongs to a list that is not known: "+facts.Quote(codes[i].List))
		}
	}
	say(l.CountsAs != "" && (known[l.CountsAs] == nil || l.CountsAs == l.Name), "counts_as is no other list")
	return append(texts, l.Test.broken()...)
}

func (p *Points) broken() (texts []string) {
	for text, is := range map[string]func(netip.Addr) bool{p.Listed: netip.Addr.Is4, p.Unlisted: netip.Addr.Is4, p.Expect: isCode,
		p.Listed6: netip.Addr.Is6, p.Unlisted6: netip.Addr.Is6} {
		if addr, err := netip.ParseAddr(text); text != "" && text != noPoint && (err != nil || !is(addr) || addr.Zone() != "") {
			texts = append(texts, "test point "+facts.Quote(text)+" is no address of its kind")
		}
	}
	for _, text := range []string{p.ListedDomain, p.UnlistedDomain} {
		if text != "" && !validZone(text+".x", true) {
			texts = append(texts, "test point "+facts.Quote(text)+" is no name")
		}
	}
	slices.Sort(texts)
	return texts
}
