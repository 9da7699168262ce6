package mailauth

import (
	"context"
	"net/netip"
	"slices"

	"postward/internal/wire/dns"
)

// IPRev says whether the name of a client leads back to its address (RFC 8601 section 3).
type IPRev struct {
	Result Word   `json:"result"`         // pass, fail, temperror or permerror
	Name   string `json:"name,omitempty"` // with pass, as Show has it
}

// Word is a result in the words of RFC 8601 section 2.7.
type Word string

// The words of iprev (section 2.7.3). PermError: the address has no name.
const (
	Pass      Word = "pass"
	Fail      Word = "fail"
	TempError Word = "temperror"
	PermError Word = "permerror"
)

// maxNames is how many names of an address are looked at, as RFC 7208 section 4.6.4 has it for ptr.
const maxNames = 10

// checkIPRev asks for the names of an address and for their addresses.
func checkIPRev(ctx context.Context, r dns.Resolver, client netip.Addr) IPRev {
	if !client.IsValid() {
		return IPRev{Result: PermError}
	}
	names := r.PTR(ctx, client)
	switch {
	case !names.Outcome.Known():
		return IPRev{Result: TempError}
	case names.Outcome != dns.Answered:
		return IPRev{Result: PermError}
	}
	return leadsBack(ctx, r, client, names.Names[:min(len(names.Names), maxNames)])
}

// leadsBack looks for a name that has the address. One that could not be asked for may have been it.
func leadsBack(ctx context.Context, r dns.Resolver, client netip.Addr, names []string) IPRev {
	answers := make([]dns.Answer, len(names))
	var all dns.Group
	for i, name := range names {
		all.Go(func() { answers[i] = r.Lookup(ctx, name, family(client)) })
	}
	all.Wait()
	result := IPRev{Result: Fail}
	for i, a := range answers {
		if slices.Contains(a.Addrs, client) {
			return IPRev{Result: Pass, Name: dns.Show(names[i])}
		}
		if !a.Outcome.Known() {
			result.Result = TempError
		}
	}
	return result
}
