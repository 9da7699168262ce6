package guard

import "slices"

// MaySign reports whether a mail may bear the signature of its author's domain: its account may write as every author. sure
// is false for who may write as anybody, and hands on what others wrote too: machines, programs and filters.
func MaySign(s *State, t *Transaction) (may, sure bool) {
	name := s.AccountOf(t)
	a := s.accounts[name]
	switch {
	case name == "" || t.NoAuthor:
		return false, false
	case a == nil:
		a = &Account{Name: name, Status: Normal}
	}
	if a.undeclared() || a.Listing != nil && slices.Contains(a.Listing.Addresses, "*") {
		return true, false
	}
	j := judgement{state: s, policy: s.policy, t: t, account: a}
	author, _ := j.foreign()
	return author == "", true
}
