package check

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"postward/internal/dns"
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
		r.find("mx.none", r.Domain, "there is no MX record", &Mend{
			Do: "Name the host that takes the domain's mail.", Add: []Record{{fqdn(r.Domain), "MX", "10 mail." + fqdn(r.Domain)}}})
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
			Remove: r.exchangerRecords(h.name), Add: []Record{{fqdn(r.Domain), "MX", "10 " + fqdn(alias.Names[0])}}})
	}
	for _, a := range h.addrs.Addrs {
		if local(a) {
			r.find("mx.private", h.name, a.String(), &Mend{Do: "Publish the address that the world can reach.", Remove: []Record{{fqdn(h.name), recordType(a), a.String()}}})
		}
	}
}

// recordType is the type of an address's record.
func recordType(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}

// exchangerRecords are the domain's MX records that name a host.
func (r *run) exchangerRecords(name string) []Record {
	var all []Record
	for _, x := range r.mx().Exchangers {
		if x.Host == name {
			all = append(all, Record{fqdn(r.Domain), "MX", fmt.Sprintf("%d %s", x.Preference, fqdn(name))})
		}
	}
	return all
}
