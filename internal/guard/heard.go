package guard

import "strings"

// Who writes to an account is no stranger to it.

// maxHeard bounds the strangers a rolling day that an account comes to know because they wrote to it: anybody can
// write to it, under any name.
const maxHeard = 30

// Heard returns the facts that an accepted mail tells: which accounts of this site its sender wrote to who did not
// know him. It reads s and changes nothing.
func Heard(s *State, t *Transaction) []Event {
	if t.ReversePath == "" {
		return nil
	}
	h := hashRecipient(t.ReversePath)
	var events []Event
	for _, r := range t.Recipients {
		name := s.ownerOf(r)
		if a := s.accounts[name]; a != nil && a.hears(h, t.At) && len(events) < maxHeard {
			events = append(events, Event{Key: "heard:" + t.ID + ":" + name, Kind: KindHeard, At: t.At, Account: name, Recipient: t.ReversePath})
		}
	}
	return events
}

// ownerOf returns the account that an address belongs to, if it may send and there is one: by its name, or by an
// address that it was listed with.
func (s *State) ownerOf(address string) string {
	local, domain, _ := cutAddress(address)
	for _, name := range [...]string{strings.ToLower(address), strings.ToLower(local)} {
		if a := s.accounts[name]; a != nil && a.listed() && a.Owns(s.policy, address) && (name != strings.ToLower(local) || s.policy.localDomain(domain)) {
			return name
		}
	}
	return s.owners[strings.ToLower(address)]
}

// noteOwner keeps which account was listed with an address, for those that are not named like it.
func (s *State) noteOwner(a *Account) {
	if !a.listed() {
		return
	}
	for _, address := range a.Listing.Addresses {
		if !strings.HasPrefix(address, "*") {
			s.owners[strings.ToLower(address)] = a.Name
		}
	}
}

func (a *Account) hears(sender uint64, now Time) bool {
	return !a.Known.has(sender) && a.Heard.sum(now) < maxHeard
}

// heard makes who wrote to an account known to it.
func (s *State) heard(e *Event) {
	h := hashRecipient(e.Recipient)
	if a := s.accounts[e.Account]; a == nil || !a.hears(h, e.At) {
		return
	}
	a := s.touch(e.Account)
	a.Heard.add(e.At, 1)
	a.Known.add(h, e.At)
}
