package proof

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"postward/internal/auth/keys"
	"postward/internal/auth/mailauth"
	"postward/internal/guard"
	"postward/internal/mail/authres"
	"postward/internal/mail/message"
	"postward/internal/mail/milter"
	"postward/internal/run/config"
	"postward/internal/wire/dns"
)

// Options says for whom a Prover works.
type Options struct {
	Config    *config.Authentication
	ID        string // authserv-id, if Config says none: Postfix's myhostname
	LineLimit int    // Postfix's smtp_line_length_limit: longer lines are broken when a mail leaves; 0: none is
	Keys      string // the directory of the keys that sign
	Resolver  dns.Resolver
	Log       *slog.Logger
	Ledger    *Ledger

	Forwarders *Forwarders // whom it tells of who hands mail on; nil: nobody

	Ours    func(domain string) bool                                      // whether mail of this domain is written here
	Account func(t *guard.Transaction) string                             // who sends it; empty: a stranger
	MaySign func(t *guard.Transaction) (may, sure bool)                   // guard.MaySign
	Judge   func(ctx context.Context, t *guard.Transaction) milter.Answer // at the end of the message
}

// Prover reads mails both ways.
type Prover struct {
	options Options
	checker mailauth.Checker // its Seals is as the keys are
	dir     keys.Dir

	inbound atomic.Bool // mail from outside is looked at
	beside  atomic.Bool // somebody else may sign, or have signed
	signers atomic.Pointer[signers]

	seen keys.Seen // Tend's: what the name servers showed of each key last
}

// New checks the configuration. Until Beside was called mail from outside is only looked at when it says "on".
func New(o Options) (*Prover, error) {
	a := o.Config
	id := o.ID
	if a.ID != "" {
		id = a.ID
	}
	service, err := authres.New(id, a.AlsoIDs...)
	if err != nil {
		return nil, fmt.Errorf("%w (authentication.id in the configuration, or myhostname of Postfix)", err)
	}
	policy, err := policyOf(a)
	if err != nil {
		return nil, err
	}
	p := &Prover{options: o, dir: keys.Dir{Path: o.Keys}, seen: keys.Seen{}}
	p.checker = mailauth.Checker{
		Resolver: o.Resolver, Service: service, Deadline: a.Deadline, Policy: policy, Ours: o.Ours, Places: mailauth.NewPlaces(),
		Trusted: among(a.Sealers), Forwarder: among(a.Forwarders),
	}
	p.inbound.Store(a.Inbound == "on")
	p.signers.Store(&signers{})
	return p, nil
}

// policyOf is the policy for mail from outside. What an operator sets is how strict the two strictest rules are; the others mark.
func policyOf(a *config.Authentication) (*mailauth.Policy, error) {
	p := mailauth.Default()
	if err := errors.Join(p.Direct.UnmarshalText([]byte(a.OnReject)), p.AsUs.UnmarshalText([]byte(a.AsUs))); err != nil {
		return nil, err
	}
	if p.Direct == mailauth.Accept {
		p.Indirect = mailauth.Accept
	}
	return &p, p.Check()
}

// among asks whether a domain is one of a list, or below one.
func among(list []string) func(string) bool {
	return func(domain string) bool {
		return slices.ContainsFunc(list, func(d string) bool { return domain == d || strings.HasSuffix(domain, "."+d) })
	}
}

// Beside is told who else, as main.cf names them, may look after the proof of mail from outside.
func (p *Prover) Beside(others []string) {
	p.beside.Store(len(others) > 0)
	p.inbound.Store(p.options.Config.Inbound == "on" || p.options.Config.Inbound == "auto" && len(others) == 0)
}

// BesideAs is Beside as another Prover was told.
func (p *Prover) BesideAs(was *Prover) {
	p.beside.Store(was.beside.Load())
	p.inbound.Store(was.inbound.Load())
}

// Inbound reports whether mail from outside is looked at.
func (p *Prover) Inbound() bool { return p.inbound.Load() }

// Signs are the domains for whose mail there is a key that signs.
func (p *Prover) Signs() []string { return slices.Sorted(maps.Keys(p.signers.Load().byDomain)) }

// Open is who reads a mail that begins; nil: nobody.
func (p *Prover) Open(t *guard.Transaction) milter.Whole {
	account := p.options.Account(t)
	switch {
	case account != "":
		return &outgoing{prover: p, account: account, signers: p.signers.Load()}
	case p.inbound.Load() && t.Client.IsValid():
		return p.incoming(t)
	}
	return nil
}

// Proposed are the forwarders that the operator may list, and has not.
func (p *Prover) Proposed(now time.Time) []Proposal {
	return slices.DeleteFunc(p.options.Forwarders.propose(now), func(x Proposal) bool {
		return p.checker.Forwarder(x.Domain) || x.As == "sealers" && p.checker.Trusted(x.Domain)
	})
}

// domainOf is the domain of an address, in A-labels; empty: it has none.
func domainOf(address string) string {
	d, err := message.Domain(message.DomainOf(address))
	if err != nil {
		return ""
	}
	return d
}
