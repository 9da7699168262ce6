package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"postward/internal/wire/dns"
)

// exchangers looks at where the domain's mail goes (RFC 5321 section 5.1, RFC 7505).
func (r *run) exchangers(ctx context.Context) string {
	if r.Domain == "" {
		return ""
	}
	mx := r.mx()
	switch {
	case r.unanswered("mx", r.Domain, &mx, "MX"):
		return ""
	case mx.Outcome == dns.NoName:
		r.find("mx.nxdomain", r.Domain, "the name servers say that there is no such name",
			&Mend{Do: "Register the domain, or look whether its delegation ran out. Then publish its records."})
		return ""
	case mx.Outcome == dns.NoData:
		r.noExchanger(ctx)
		return ""
	}
	for _, x := range mx.Exchangers {
		r.nullExchanger(x, len(mx.Exchangers))
	}
	var words []string
	for _, h := range r.hosts() {
		r.exchanger(ctx, h)
		words = append(words, dns.Show(h.name))
	}
	return "mail goes to " + strings.Join(words, ", ")
}

// noExchanger weighs that there is no MX record. A name below the organization's domain may be there to send only, for
// bounces or a newsletter: then it is sound as long as it can be seen what it is for.
func (r *run) noExchanger(ctx context.Context) {
	mend := &Mend{Do: "Name the host that takes the domain's mail.", Add: []Record{{fqdn(r.Domain), "MX", "10 mail." + fqdn(r.Domain)}}}
	saw := "there is no MX record"
	if !r.answerable() {
		saw += ", and no address"
	}
	if (r.answerable() || letsPass(r.spf())) && r.subdomain(ctx) {
		r.find("mx.sends-only", r.Domain, saw, nil)
		return
	}
	r.find("mx.none", r.Domain, saw, mend)
}

// answerable reports whether mail to the domain has somewhere to go (RFC 5321 section 5.1).
func (r *run) answerable() bool {
	return slices.ContainsFunc(r.hosts(), func(h host) bool { return !h.addrs.Outcome.Known() || len(h.addrs.Addrs) > 0 })
}

// subdomain reports whether the domain lies below an organization's: DMARC's walk says so (RFC 9989 section 4.10.2), or it
// is a name in somebody's zone.
func (r *run) subdomain(ctx context.Context) bool {
	if f := r.dmarc(); !f.Unknown && f.Organizational != "" && f.Organizational != r.Domain {
		return true
	}
	return r.Resolver.Lookup(ctx, r.Domain, dns.SOA).Outcome == dns.NoData
}

func (r *run) nullExchanger(x dns.Exchanger, of int) {
	switch {
	case x.Host != ".":
	case of == 1:
		r.find("mx.null", r.Domain, "MX 0 .", nil)
	default:
		r.find("mx.null-mixed", r.Domain, fmt.Sprintf("a null MX among %d MX records", of), &Mend{
			Do: "Take the null MX out.", Remove: r.exchangerRecords(".")})
	}
}

// exchanger looks at one mail exchanger.
func (r *run) exchanger(ctx context.Context, h host) {
	if _, err := netip.ParseAddr(h.name); err == nil {
		r.find("mx.address", h.name, "MX "+h.name, &Mend{Do: "Give the host a name, and put that name into the MX record instead.",
			Remove: r.exchangerRecords(h.name)})
		return
	}
	if r.unanswered("mx", h.name, &h.addrs, "A and AAAA") {
		return
	}
	if h.addrs.Outcome != dns.Answered {
		r.find("mx.unresolved", h.name, h.addrs.Outcome.String(), &Mend{Do: "Give the exchanger its addresses, or take it out of the MX records.",
			Remove: r.exchangerRecords(h.name)})
		return
	}
	if alias := r.Resolver.Lookup(ctx, h.name, dns.CNAME); alias.Outcome == dns.Answered && len(alias.Names) > 0 {
		r.find("mx.alias", h.name, "CNAME "+alias.Names[0], &Mend{Do: "Name the host itself in the MX record.",
			Remove: r.exchangerRecords(h.name), Add: r.exchangerRecordsAs(h.name, alias.Names[0])})
	}
	for _, a := range h.addrs.Addrs {
		switch {
		case a.IsLoopback() && r.ownAnswer():
			r.find("mx.unknown", h.name, a.String()+" is the answer of this host's own resolver, and the world may see another: a resolver on this host (dnsmasq, systemd-resolved) reads /etc/hosts. Take the name out of the line for "+a.String()+" there, or ask another one: --resolver", nil)
		case local(a):
			r.find("mx.private", h.name, a.String(), &Mend{Do: "Publish the address that the world can reach.", Remove: []Record{{fqdn(h.name), recordType(a), a.String()}}})
		}
	}
}

// ownAnswer reports whether a resolver on this host answers us, who may know names that nobody else knows so.
func (r *run) ownAnswer() bool {
	return slices.ContainsFunc(r.Servers, func(s netip.AddrPort) bool { return s.Addr().IsLoopback() })
}

// recordType is the type of an address's record.
func recordType(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}

// exchangerRecords are the domain's MX records that name a host.
func (r *run) exchangerRecords(name string) []Record { return r.exchangerRecordsAs(name, name) }

// exchangerRecordsAs are the same records with another host in its place.
func (r *run) exchangerRecordsAs(name, host string) []Record {
	var all []Record
	for _, x := range r.mx().Exchangers {
		if x.Host == name {
			all = append(all, Record{fqdn(r.Domain), "MX", fmt.Sprintf("%d %s", x.Preference, fqdn(host))})
		}
	}
	return all
}
