package dnsbl

import (
	"fmt"
	"strings"
)

// ForLogins finds the lists with these names that say who guesses passwords, to be asked about a stranger who logs in: one that lists other
// people would lock out half of the world's homes. wrong has a sentence for each name that is none such, or is not asked.
func (c *Checker) ForLogins(set *Set, names []string) (lists []*List, wrong []string) {
	for _, name := range names {
		l := set.ByName(name)
		if why := c.unfit(set, l); l == nil {
			wrong = append(wrong, fmt.Sprintf("there is no list %q; %s", name, why))
		} else if why != "" {
			wrong = append(wrong, name+": "+why)
		} else {
			lists = append(lists, l)
		}
	}
	return lists, wrong
}

// unfit says why a list is not asked about logins; empty: it may be.
func (c *Checker) unfit(set *Set, l *List) string {
	switch {
	case l == nil:
		return "those that say who guesses passwords are " + strings.Join(set.ofLogins(), ", ")
	case !l.Logins:
		return "it does not say who guesses passwords; those that do are " + strings.Join(set.ofLogins(), ", ")
	}
	why := c.Refuses(l)
	if why != "" && l.Key != "" && !c.key(l).Known() {
		why += ": get one, and put " + keyName(l) + "=… into the file of keys"
	}
	return why
}

func (s *Set) ofLogins() (names []string) {
	for _, l := range s.All() {
		if l.Logins {
			names = append(names, l.Name)
		}
	}
	return names
}
