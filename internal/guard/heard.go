package guard

import (
	"slices"
	"strings"
	"time"
)

// Who writes to an account is less of a stranger to it. Anybody can write to it, under any name: so it counts in what is
// unusual, and in no budget.

// maxWriters bounds the addresses that an account remembers to have got mail from. The first is dropped first.
const maxWriters = 48

// Bounds of what is told: facts of one mail (addresses times accounts), and of one account a day.
const (
	maxWritten    = 30
	maxWrittenDay = 100
)

// crowded reports whether so many wrote to the account lately that some of them are forgotten already.
func (a *Account) crowded(now Time) bool { return a.Crowded != 0 && now.Sub(a.Crowded) < crowdedFor }

const crowdedFor = 48 * time.Hour

// writer is what is kept of an address that wrote to an account: half of its hash. Taking one for another costs nothing.
type writer uint32

func (k *Secret) writer(address string) writer { return writer(k.hash(address) >> 32) }

// Written returns the facts that an accepted mail from a stranger tells: who wrote to which accounts of this site, or
// asked them to answer to whom. It reads s and changes nothing.
func Written(s *State, t *Transaction) []Event {
	var events []Event
	for _, r := range t.Recipients {
		a := s.accounts[s.ownerOf(r)]
		if a == nil || a.Wrote.sum(t.At) >= maxWrittenDay {
			continue
		}
		for _, from := range senders(t) {
			if len(events) < maxWritten && !slices.Contains(a.Writers, s.site.Secret.writer(from)) {
				events = append(events, Event{Key: "wrote:" + t.ID + ":" + a.Name + ":" + from, Kind: KindWrote, At: t.At, Account: a.Name, Recipient: from})
			}
		}
	}
	return events
}

// senders are the addresses that an answer to a mail may go to.
func senders(t *Transaction) []string {
	var all []string
	for _, address := range slices.Concat([]string{t.ReversePath}, t.ReplyTo, t.Authors) {
		if address != "" && !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	return all
}

// ownerOf returns the account that gets mail to an address, if it may send and there is one: Postfix looks for the whole
// address first, and then without its extension.
func (s *State) ownerOf(address string) string {
	if name := s.holderOf(address); name != "" {
		return name
	}
	return s.holderOf(s.policy.base(address))
}

// holderOf returns the account that is named like an address, or was listed with it.
func (s *State) holderOf(address string) string {
	local, domain, _ := cutAddress(address)
	for _, name := range [...]string{address, local} {
		if a := s.accounts[name]; a != nil && a.listed() && a.Owns(s.policy, address) && (name == address || s.policy.localDomain(domain)) {
			return name
		}
	}
	return s.owners[address]
}

// noteOwner keeps which account was listed with an address, for those that are not named like it; of two the first by
// name.
func (s *State) noteOwner(a *Account) {
	if !a.listed() {
		return
	}
	for _, address := range a.Listing.Addresses {
		if other := s.owners[address]; !strings.Contains(address, "*") && (other == "" || a.Name < other) {
			s.owners[address] = a.Name
		}
	}
}

// forgetOwner takes an account's listed addresses out again; another account may have one of them too.
func (s *State) forgetOwner(a *Account) {
	if !a.listed() {
		return
	}
	for _, address := range a.Listing.Addresses {
		if s.owners[address] != a.Name {
			continue
		}
		delete(s.owners, address)
		for _, other := range s.accounts {
			if other != a && other.listed() && slices.Contains(other.Listing.Addresses, address) && (s.owners[address] == "" || other.Name < s.owners[address]) {
				s.owners[address] = other.Name
			}
		}
	}
}

// wrote notes who wrote to an account.
func (s *State) wrote(e *Event) {
	if s.accounts[e.Account] == nil {
		return
	}
	a := s.touch(e.Account)
	a.Wrote.add(e.At, 1)
	w := s.site.Secret.writer(e.Recipient)
	if len(a.Writers) >= maxWriters && !slices.Contains(a.Writers, w) {
		a.Crowded = e.At
	}
	a.Writers = append(makeRoom(a.Writers, slices.Index(a.Writers, w), maxWriters), w)
}

// heard is what the first release told of somebody who wrote to an account: it was no stranger from then on.
func (s *State) heard(e *Event) {
	if s.accounts[e.Account] != nil {
		s.touch(e.Account).Known.add(s.site.Secret.hash(e.Recipient), e.At, unvouched)
	}
}
