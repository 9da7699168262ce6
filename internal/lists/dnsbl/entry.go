package dnsbl

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	validName  = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	validSince = regexp.MustCompile(`^[12][0-9]{3}(-[01][0-9](-[0-3][0-9])?)?$`)
)

// entries reads the lists of a file and adds them to the set.
func (s *Set) entries(in *strict, root *yaml.Node) (read []*List) {
	in.fields(root, map[string]func(*yaml.Node){"lists": func(n *yaml.Node) {
		seen := make(map[string]bool)
		in.items(n, maxLists, func(item *yaml.Node) {
			l := s.entry(in, item)
			if l == nil {
				return
			}
			if seen[l.Name] {
				in.fail(item, "list %s for the second time in one file", l.Name)
				return
			}
			seen[l.Name] = true
			s.add(l)
			read = append(read, l)
		})
	}})
	if len(s.lists) > maxLists {
		in.fail(root, "more than %d lists", maxLists)
	}
	return read
}

// entry reads one list: what is said of it now, over what was known.
func (s *Set) entry(in *strict, n *yaml.Node) *List {
	if n.Kind != yaml.MappingNode {
		in.fail(n, "a list is no mapping")
		return nil
	}
	var name string
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "name" {
			name = n.Content[i+1].Value
		}
	}
	if !validName.MatchString(name) || len(name) > 40 {
		in.fail(n, "a list without a name of at most 40 lower case letters, digits and hyphens: %s", quote(name))
		return nil
	}
	l := &List{Certainty: "uncertain", Status: Status{State: Alive}, Influence: Influence{Level: "none"},
		Removal: Removal{Method: "unknown"}, Terms: Terms{Access: NotKnown}}
	if known := s.byName[name]; known != nil {
		*l = *known
	}
	l.From = fmt.Sprintf("%s:%d", in.file, n.Line)
	in.fields(n, l.readers(in))
	return l
}

func (l *List) readers(in *strict) map[string]func(*yaml.Node) {
	return map[string]func(*yaml.Node){
		"name": in.text(&l.Name), "title": in.text(&l.Title), "role": one(in, &l.Role, Block, Allow, Reputation),
		"kinds": l.readKinds(in), "zones": in.texts(&l.Zones), "key": in.text(&l.Key), "key_zone": in.text(&l.KeyZone),
		"counts_as": in.text(&l.CountsAs), "logins": in.flag(&l.Logins),
		"codes": readCodes(in, &l.Codes), "notes": readCodes(in, &l.Notes), "refusals": readCodes(in, &l.Refusals),
		"because": in.text(&l.Because), "lasts": in.text(&l.Lasts), "expires_hours": in.number(&l.Expires, 24*366),
		"advice": in.text(&l.Advice), "certainty": one(in, &l.Certainty, "confirmed", "partly", "uncertain"),
		"doubts": in.text(&l.Doubts), "sources": in.texts(&l.Sources),
		"test": group(in, map[string]func(*yaml.Node){
			"listed": in.text(&l.Test.Listed), "unlisted": in.text(&l.Test.Unlisted), "expect": in.text(&l.Test.Expect),
			"listed6": in.text(&l.Test.Listed6), "unlisted6": in.text(&l.Test.Unlisted6),
			"listed_domain": in.text(&l.Test.ListedDomain), "unlisted_domain": in.text(&l.Test.UnlistedDomain)}),
		"status": group(in, map[string]func(*yaml.Node){
			"state": one(in, &l.Status.State, Alive, Doubtful, Retired, Dead, Fraud), "since": in.text(&l.Status.Since),
			"lists_everything": in.flag(&l.Status.ListsEverything), "note": in.text(&l.Status.Note)}),
		"influence": group(in, map[string]func(*yaml.Node){
			"level": one(in, &l.Influence.Level, levels...), "who": in.text(&l.Influence.Who)}),
		"removal": group(in, map[string]func(*yaml.Node){
			"method": one(in, &l.Removal.Method, methods...), "url": in.text(&l.Removal.URL),
			"url_from_memory": in.flag(&l.Removal.URLFromMemory), "rules": in.texts(&l.Removal.Rules),
			"time": in.text(&l.Removal.Time), "paid": in.text(&l.Removal.Paid), "evidence": in.text(&l.Removal.Evidence)}),
		"terms": group(in, map[string]func(*yaml.Node){
			"access":       one(in, &l.Terms.Access, Free, Register, WithKey, Customers, NoAccess, NotKnown),
			"own_resolver": in.flag(&l.Terms.OwnResolver), "per_day": in.number(&l.Terms.PerDay, 1e9),
			"per_second": in.number(&l.Terms.PerSecond, 1e6), "text": in.text(&l.Terms.Text)}),
	}
}

func group(in *strict, readers map[string]func(*yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) { in.fields(n, readers) }
}

func (l *List) readKinds(in *strict) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var all []Kind
		in.items(n, 4, func(item *yaml.Node) {
			var k Kind
			one(in, &k, IPv4, IPv6, Domain, Hash)(item)
			all = append(all, k)
		})
		l.Kinds = all
	}
}

// readCodes reads "code: meaning" and "code: {means: meaning, list: name}".
func readCodes(in *strict, to *[]Code) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var all []Code
		in.pairs(n, func(key, value *yaml.Node) {
			c, err := parseCode(key.Value)
			if err != nil {
				in.fail(key, "code %s: %v", quote(key.Value), err)
				return
			}
			if value.Kind == yaml.MappingNode {
				in.fields(value, map[string]func(*yaml.Node){"means": in.text(&c.Means), "list": in.text(&c.List)})
			} else {
				in.text(&c.Means)(value)
			}
			all = append(all, c)
		})
		if len(all) > maxItems {
			in.fail(n, "more than %d codes", maxItems)
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
		say(!validZone(zone, asked), "zone "+quote(zone)+" is no name in lower case")
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
			say(codes[i].List != "" && known[codes[i].List] == nil, "code "+codes[i].Text+" belongs to a list that is not known: "+quote(codes[i].List))
		}
	}
	say(l.CountsAs != "" && (known[l.CountsAs] == nil || l.CountsAs == l.Name), "counts_as is no other list")
	return append(texts, l.Test.broken()...)
}

func (p *Points) broken() (texts []string) {
	for text, is := range map[string]func(netip.Addr) bool{p.Listed: netip.Addr.Is4, p.Unlisted: netip.Addr.Is4, p.Expect: isCode,
		p.Listed6: netip.Addr.Is6, p.Unlisted6: netip.Addr.Is6} {
		if addr, err := netip.ParseAddr(text); text != "" && text != noPoint && (err != nil || !is(addr) || addr.Zone() != "") {
			texts = append(texts, "test point "+quote(text)+" is no address of its kind")
		}
	}
	for _, text := range []string{p.ListedDomain, p.UnlistedDomain} {
		if text != "" && !validZone(text+".x", true) {
			texts = append(texts, "test point "+quote(text)+" is no name")
		}
	}
	slices.Sort(texts)
	return texts
}
