package guard

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Mode says whether a subject's verdicts are carried out.
type Mode string

const (
	Shadow  Mode = "shadow"  // judged, written down and shown, but the mail passes
	Enforce Mode = "enforce" // carried out
)

// Policy is what the operator decided. It is immutable: a change is a new Policy, swapped whole by an event, so
// that a replay judges each mail by the policy of its day.
type Policy struct {
	Modes   map[Subject]Mode `json:"modes"`
	Own     []netip.Prefix   `json:"own"`     // the operator's own networks: never contained for their address
	Webmail []netip.Prefix   `json:"webmail"` // hosts that many people send through: their address proves nothing
	Domains []string         `json:"domains"` // an account NAME may send as NAME@ these
	// Delimiter is Postfix's recipient_delimiter: each of its characters ends the name in a local part; empty: none does.
	Delimiter string `json:"delimiter,omitempty"`

	Budget      BudgetPolicy      `json:"budget"`
	Cooling     CoolingPolicy     `json:"cooling"`
	Score       ScorePolicy       `json:"score"`
	Containment ContainmentPolicy `json:"containment"`
}

// BudgetPolicy holds the numbers of lock 1, in recipients a rolling day, or in ten days (Ten). See Tier.
type BudgetPolicy struct {
	Unfamiliar          int `json:"unfamiliar"`            // never-seen, TierForeign
	UnfamiliarTen       int `json:"unfamiliar_ten"`        //
	Network             int `json:"network"`               // never-seen, TierCopied
	NetworkTen          int `json:"network_ten"`           //
	Newcomer            int `json:"newcomer"`              // never-seen, for a newcomer where the site is at home
	NetworkAndProgram   int `json:"network_and_program"`   // never-seen, from a familiar network with a familiar client program
	Familiar            int `json:"familiar"`              // never-seen, from a familiar address: at least this
	FamiliarMax         int `json:"familiar_max"`          // and at most this, or 3 times the account's own maximum
	FamiliarTen         int `json:"familiar_ten"`          // never-seen, TierOwn: at least this, or twice what is usual
	KnownFromUnfamiliar int `json:"known_from_unfamiliar"` // known, from an unfamiliar source
	KnownTen            int `json:"known_ten"`             // the same in ten days, each counted once
	Undeclared          int `json:"undeclared"`            // never-seen, for a hosted account that nobody declared
	Site                int `json:"site"`                  // never-seen, from level new or country, all accounts
}

// CoolingPolicy holds the numbers of lock 2.
type CoolingPolicy struct {
	Time    time.Duration `json:"time"`    // how long an unusual mail waits
	Dormant time.Duration `json:"dormant"` // an account silent for longer is dormant
}

// ScorePolicy holds the thresholds of lock 3.
type ScorePolicy struct {
	Hold    Points `json:"hold"`    // a message with this score or more is held
	Contain Points `json:"contain"` // an account whose held message has this score or more may be stopped at the second one
}

// ContainmentPolicy says when an account is stopped.
type ContainmentPolicy struct {
	Held        int           `json:"held"`         // held messages within Within
	HeldNetwork int           `json:"held_network"` // the same from a familiar network
	Within      time.Duration `json:"within"`
}

// DefaultPolicy returns the numbers of a server nobody has tuned, with every subject in shadow.
func DefaultPolicy() *Policy {
	p := &Policy{
		Modes: map[Subject]Mode{},
		Own:   []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		Budget: BudgetPolicy{
			Unfamiliar: 6, UnfamiliarTen: 20, Network: 20, NetworkTen: 60, Newcomer: 40, NetworkAndProgram: 60,
			Familiar: 60, FamiliarMax: 150, FamiliarTen: 200, KnownFromUnfamiliar: 40, KnownTen: 80, Undeclared: 40, Site: 30,
		},
		Cooling:     CoolingPolicy{Time: 2 * time.Minute, Dormant: 45 * 24 * time.Hour},
		Score:       ScorePolicy{Hold: 7 * Point, Contain: 12 * Point},
		Containment: ContainmentPolicy{Held: 5, HeldNetwork: 10, Within: time.Hour},
	}
	for _, s := range Subjects {
		p.Modes[s] = Shadow
	}
	return p
}

// Enforces reports whether s's verdicts are carried out.
func (p *Policy) Enforces(s Subject) bool { return p.Modes[s] == Enforce }

// IsOwn reports whether addr lies in the operator's own networks.
func (p *Policy) IsOwn(addr netip.Addr) bool { return within(p.Own, addr) }

// IsWebmail reports whether addr is a declared webmail host or proxy.
func (p *Policy) IsWebmail(addr netip.Addr) bool { return within(p.Webmail, addr) }

func within(nets []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap()
	return slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Contains(addr) })
}

func (p *Policy) localDomain(domain string) bool {
	return slices.ContainsFunc(p.Domains, func(d string) bool { return strings.EqualFold(d, domain) })
}
