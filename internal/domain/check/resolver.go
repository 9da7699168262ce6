package check

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postward/internal/lists/dnsbl"
	"postward/internal/wire/dns"
)

// slow is how long the resolver may take to say who serves the root, which it should know.
const slow = 500 * time.Millisecond

// nowhere is a name that must not exist (RFC 6761 section 6.4).
const nowhere = "postward-asks-for-nobody.invalid"

// asked looks at who answers us: what it gets wrong, all that is found here has wrong.
func (r *run) asked(ctx context.Context) string {
	began := time.Now()
	root := r.root()
	took := time.Since(began)
	var servers []string
	for _, s := range r.Servers {
		servers = append(servers, s.Addr().String())
		if who := dnsbl.PublicResolver(s.Addr()); who != "" {
			r.find("resolver.public", s.Addr().String(), "it is "+who, nil)
		}
	}
	name := strings.Join(servers, ", ")
	if r.unanswered("resolver", name, &root, "SOA of the root") {
		return ""
	}
	if saw := r.invented(ctx); saw != "" {
		r.find("resolver.lying", name, saw, &Mend{Do: r.ownResolver()})
	}
	switch {
	case root.Authentic:
	case r.Doubted:
		r.find("resolver.doubted", name, "it is not on this host, and resolv.conf does not say trust-ad", &Mend{
			Do: "Use a resolver of your own: apt install unbound, and nameserver 127.0.0.1 in /etc/resolv.conf. Where this one validates and nobody is on the way to it: options trust-ad."})
	default:
		r.find("resolver.plain", name, "the root's answer is not validated", nil)
	}
	if took > slow {
		r.find("resolver.slow", name, took.Round(time.Millisecond).String()+" for the SOA of the root", nil)
	}
	return strings.TrimPrefix(name+": validates, and is fast enough", ": ")
}

// ownResolver is how to get a resolver that says what the name servers say. One on this host is there already, and hands its
// questions on.
func (r *run) ownResolver() string {
	if r.ownAnswer() {
		return "The resolver on this host hands its questions on to one that invents, or does so by a rule of its own (a filter, a blocklist): let it ask the name servers itself."
	}
	return "Use a resolver of your own: apt install unbound, and nameserver 127.0.0.1 in /etc/resolv.conf."
}

// invented says what the resolver answers for a name that must not exist; empty: it says so.
func (r *run) invented(ctx context.Context) string {
	if a := r.Resolver.Addresses(ctx, nowhere); len(a.Addrs) > 0 {
		return fmt.Sprintf("%s has the address %v, and must not exist", nowhere, a.Addrs[0])
	}
	return ""
}

// validating reports whether the resolver validates, so that an answer that is not authentic is an unsigned one.
func (r *run) validating() bool {
	root := r.root()
	return root.Authentic
}

// signed looks whether the domain's answers are signed (DNSSEC).
func (r *run) signed(ctx context.Context) string {
	if r.Domain == "" || r.bogus(ctx) || !r.validating() {
		return ""
	}
	mx := r.mx()
	switch {
	case !mx.Outcome.Known() || mx.Outcome == dns.NoName:
		return "" // said by another topic
	case !mx.Authentic:
		r.find("dnssec.none", r.Domain, "its MX answer is not signed", nil)
		return ""
	}
	return "signed"
}

// bogus reports whether the domain's answers are signed wrongly: the resolver fails, and does not when it need not verify.
func (r *run) bogus(ctx context.Context) bool {
	mx := r.mx()
	if mx.Outcome != dns.Failure || r.Unchecked == nil {
		return false
	}
	if a := r.Unchecked.MX(ctx, r.Domain); !a.Outcome.Known() {
		return false
	}
	r.find("dnssec.bogus", r.Domain, "the resolver has an answer only when it need not verify the signatures", &Mend{
		Do: "Look at the zone's signatures (delv, or dnsviz.net) and at the DS record above it: a DS whose key is not in the zone has to leave the registrar's page, or the zone to be signed with that key again."})
	return true
}
