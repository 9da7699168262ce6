package learn

import (
	"slices"
	"strings"

	"postward/internal/guard"
	"postward/internal/mail/message"
)

// properMails is how many mails, on properDays, an account must have sent as somebody else for that to be proposed: one as
// the director is what a thief sends.
const properMails = 3

// owners are the accounts whose an address is, by what is known of each: a map or a user's own, its name, or what it writes
// as most.
type owners map[string][]string

func (o owners) add(address, account string) {
	if !slices.Contains(o[address], account) {
		o[address] = append(o[address], account)
	}
}

// owners finds whose the addresses are that accounts have.
func (l *Learned) owners() owners {
	o := owners{}
	for account, addresses := range l.accounts {
		var main *Row
		for _, r := range addresses {
			if r.Map || r.User {
				o.add(r.Address, account)
			}
			if r.Messages > 0 && (main == nil || r.Messages > main.Messages || r.Messages == main.Messages && r.Address < main.Address) {
				main = r
			}
		}
		if main != nil && main.Address != "" {
			o.add(main.Address, account)
		}
	}
	for _, all := range o {
		slices.Sort(all)
	}
	return o
}

// another names the account, user or mailbox whose an address is, if it is not the account's own.
func (l *Learned) another(r *Row, o owners) string {
	switch {
	case r.Map || r.User || r.Address == "" || r.Address == r.Account:
		return ""
	case l.accounts[r.Address] != nil: // of two who are called so, the one who has the whole name
		return r.Address
	case l.namesake(r):
		return ""
	case l.boxes[r.Address]:
		return r.Address
	}
	name, domain, _ := strings.Cut(r.Address, "@")
	if (l.accounts[name] != nil || l.names[name]) && l.ours[domain] {
		return name
	}
	for _, account := range o[r.Address] {
		if account != r.Account {
			return account
		}
	}
	return ""
}

// namesake reports whether an address is what its account is called: anna@ a domain of ours, for anna and for local:anna.
func (l *Learned) namesake(r *Row) bool {
	name, domain, _ := strings.Cut(r.Address, "@")
	account := strings.TrimPrefix(r.Account, guard.LocalPrefix)
	return l.ours[domain] && (account == name || account == r.Address)
}

// proposes reports whether an operator is asked to allow an address. What was only seen in the logs is proposed when it was
// used on more than one day, hours apart: what a hijacked account wrote for one night must not become its right. A machine
// or program of this site writes as it is called, or as nobody.
func (l *Learned) proposes(r *Row) bool {
	domain := message.DomainOf(r.Address)
	hosted := strings.HasPrefix(r.Account, guard.LocalPrefix) || strings.HasPrefix(r.Account, guard.NetPrefix)
	switch {
	case r.Address == "" || domain == message.Unreadable:
		return false
	case r.Map || r.User:
		return true
	case r.Of != "":
		return r.proper() && r.Messages >= properMails
	case l.namesake(r):
		return true
	}
	return hosted && l.ours[domain] || r.proper()
}
