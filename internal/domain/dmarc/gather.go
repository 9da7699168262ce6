package dmarc

import (
	"context"
	"slices"

	"postward/internal/wire/dns"
)

// MaxIdentifiers is for how many authenticated domains, beside the Author Domains themselves, a walk is done.
const MaxIdentifiers = 8

// MaxQuestions is how many questions Gather asks at most.
const MaxQuestions = MaxAuthors*(MaxQueries+1) + MaxIdentifiers*MaxQueries

// Judge asks what has to be asked, and evaluates. When the context ends before the DNS has answered the result is temperror
// and never a fail.
func Judge(ctx context.Context, r dns.Resolver, m Mail) Verdict {
	return Evaluate(m, Gather(ctx, r, m))
}

// Gather asks the DNS for what Evaluate needs: in a first round the walks of the Author Domains, in a second those of the
// identifiers that could align, and whether Author Domains exist. Each round asks everything at once. It returns when the
// context ends at the latest. A caller that has the From field before the results of SPF and DKIM can Discover its domains
// meanwhile: through a cache the first round then costs nothing.
func Gather(ctx context.Context, r dns.Resolver, m Mail) Known {
	k := Known{Walks: make(map[string]Found), Exists: make(map[string]dns.Outcome)}
	var authors []string
	for _, domain := range m.authors() {
		authors = add(authors, canonical(domain))
	}
	k.round(ctx, r, authors, nil)
	var akin, doubtful []string
	for _, domain := range authors {
		if f := k.Walks[domain]; f.At != "" {
			akin = k.identifiers(akin, &f, &m)
			if f.mayNotExist() {
				doubtful = append(doubtful, domain)
			}
		}
	}
	k.round(ctx, r, akin, doubtful)
	return k
}

// identifiers adds the domains whose walk decides whether they are aligned with an Author Domain.
func (k *Known) identifiers(all []string, f *Found, m *Mail) []string {
	need := func(id Identifier, mode Alignment) {
		if len(all) < MaxIdentifiers && match(f, id, mode, k).Is == NotLooked {
			all = add(all, canonical(id.Domain))
		}
	}
	need(m.spf(), f.Record.SPF)
	for _, id := range m.DKIM {
		need(id, f.Record.DKIM)
	}
	return all
}

func add(all []string, domain string) []string {
	if domain == "" || slices.Contains(all, domain) {
		return all
	}
	return append(all, domain)
}

// round walks for some domains and asks whether others exist, all at once. Any type of record shows existence (appendix
// A.4). CNAME is asked for, since that is not followed: an alias of a name that is gone exists, and NXDOMAIN for any other type
// would be said of its target (RFC 6604 section 3).
func (k *Known) round(ctx context.Context, r dns.Resolver, walks, exist []string) {
	var all dns.Group
	found, outcomes := make([]Found, len(walks)), make([]dns.Outcome, len(exist))
	for i, domain := range walks {
		all.Go(func() { found[i] = Discover(ctx, r, domain) })
	}
	for i, domain := range exist {
		all.Go(func() { outcomes[i] = r.Lookup(ctx, domain, dns.CNAME).Outcome })
	}
	all.Wait()
	for i, domain := range walks {
		k.Walks[domain] = found[i]
	}
	for i, domain := range exist {
		k.Exists[domain] = outcomes[i]
	}
}
