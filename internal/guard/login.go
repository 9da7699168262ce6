package guard

import (
	"net/netip"
	"slices"
)

// Home says how well an account knows where somebody logs in from: LevelAddress and LevelNetwork are its own, anything less is
// abroad. Of a webmail host, which is everybody's, nothing is known.
func Home(s *State, account string, client netip.Addr, asn uint32) Level {
	a := s.accounts[account]
	if a == nil || sharedSource(s.policy, client) {
		return LevelNew
	}
	from := sourceOf(&Transaction{Client: client, ASN: asn})
	level := a.Sources.level(from, false)
	if level < LevelNetwork && a.Sources.met(from) {
		return LevelNetwork
	}
	return level
}

// LoginRefusal says why an account may not log in.
type LoginRefusal string

const (
	LoginLocked    LoginRefusal = "locked"    // an operator locked it
	LoginContained LoginRefusal = "contained" // its mail is refused, and it does not know where this login comes from
)

// MayLogin reports whether an account may log in from somewhere, as far as its mail and the operator say; an empty refusal: it may.
// Whose account is contained still reads his mail from where he always did; in shadow mode that it would be is only told.
func MayLogin(s *State, account string, client netip.Addr, asn uint32) LoginRefusal {
	a := s.accounts[account]
	switch {
	case a == nil:
		return ""
	case a.Locked != 0:
		return LoginLocked
	case s.inShadow(account):
		return ""
	case a.Status == Contained && a.Opened != s.open[account] && !s.policy.IsOwn(client) && Home(s, account, client, asn) < LevelNetwork:
		return LoginContained
	}
	return ""
}

// inShadow reports whether what is wrong with an account is only told.
func (s *State) inShadow(account string) bool {
	i := s.OpenIncident(account)
	return i != nil && i.Shadow
}

// lock applies an operator's word about who may log in. To open an account that is contained opens its logins; its mail is the
// incident's.
func (s *State) lock(e *Event) {
	a := s.touch(e.Account)
	if e.Kind == KindLocked {
		a.Locked, a.Opened = e.At, 0
	} else {
		a.Locked, a.Opened = 0, s.open[e.Account]
	}
}

// guessedPoints is what a login that followed a wave of guesses says against an account.
const guessedPoints = 2 * Point

// guessed notes that somebody may have found an account's password.
func (s *State) guessed(e *Event) {
	if s.accounts[e.Account] != nil {
		s.touch(e.Account).Suspicion.gather(e.At, guessedPoints)
	}
}

// maxUsers bounds the accounts that are named of an address.
const maxUsers = 50

// Users returns the accounts that wrote from an address lately, or from its /64.
func (s *State) Users(client netip.Addr) []string {
	network := Network(client)
	var users []string
	for name, a := range s.accounts {
		if a.Sources.Networks.find(network) != nil {
			users = append(users, name)
		}
	}
	slices.Sort(users)
	return users[:min(len(users), maxUsers)]
}
