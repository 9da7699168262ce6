package check

import (
	"context"
	"net/netip"
	"strings"
	"sync"

	"postward/internal/domain/probe"
	"postward/internal/wire/dns"
)

// MaxServices bounds the addresses of exchangers that are connected to.
const MaxServices = 6

// service is an exchanger at one of its addresses, and what it showed.
type service struct {
	host string // as the MX record names it
	addr netip.Addr
	probe.Report
	tlsa   dns.Answer // the host's TLSA records
	signed bool       // its addresses are: else nobody asks for those
}

// String is the service in words.
func (s *service) String() string { return strings.TrimSuffix(s.host, ".") + " at " + s.addr.String() }

// findServices asks the exchangers what they show, all at once. Private addresses are left to the topic MX.
func (r *run) findServices(ctx context.Context) []service {
	if !r.Connect {
		return nil
	}
	var all []service
	for _, h := range r.hosts() {
		for _, a := range h.addrs.Addrs {
			if !local(a) && len(all) < MaxServices {
				all = append(all, service{host: h.name, addr: a.Unmap(), signed: h.addrs.Authentic})
			}
		}
	}
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() { all[i].tlsa = r.Resolver.Lookup(ctx, tlsaName(all[i].host), dns.TLSA) })
		wait.Go(func() {
			s := &all[i]
			s.Report = probe.Ask(ctx, probe.Config{Dial: r.Dial, HELO: r.Name, Roots: r.Roots, Now: r.Now, Timeout: r.Timeout, Own: r.Own},
				probe.Target{Addr: netip.AddrPortFrom(s.addr, 25), Name: strings.TrimSuffix(s.host, ".")})
		})
	}
	wait.Wait()
	return all
}

// talk looks at what the exchangers say before TLS.
func (r *run) talk(ctx context.Context) string {
	all := r.services()
	if len(all) == 0 {
		return ""
	}
	var fine []string
	reached := map[string]bool{}
	for i := range all {
		if all[i].Connected {
			reached[all[i].host] = true
		}
	}
	if len(reached) == 0 {
		r.find("smtp.unknown", r.Domain, all[0].String()+": "+all[0].Problem.Error()+", and no other could be reached. Many networks let nobody out to port 25: try it from elsewhere", nil)
		return ""
	}
	for i := range all {
		s := &all[i]
		switch {
		case s.Connected:
			r.spoken(ctx, s)
			fine = append(fine, s.String()+" greets as "+dns.Show(s.Host)) // the rest of a greeting may be new each time
		case s.Problem.Fault == probe.Unreachable || s.Problem.Fault == probe.Local: // no way from here
		case reached[s.host] && s.addr.Is6():
			r.find("smtp.ipv6", s.String(), s.Problem.Error(), r.unheard(s))
		default:
			r.find("smtp.unreachable", s.String(), s.Problem.Error(), &Mend{
				Do: "Let the server listen there (postconf inet_interfaces, the firewall on port 25), or take it out of the MX records."})
		}
	}
	return strings.Join(fine, "; ")
}

// unheard is how it ends that nobody listens at an address. One that mail is sent from stays in the DNS: its name and an SPF policy
// that says mx or a would not know it any more.
func (r *run) unheard(s *service) *Mend {
	if contains(r.senders(), s.addr) {
		return &Mend{Do: "Let the server listen there (postconf inet_protocols, the firewall). Do not take the address out while mail is sent from it."}
	}
	return &Mend{Do: "Let the server listen there (postconf inet_protocols, the firewall), or take the address out.",
		Remove: []Record{{Name: fqdn(s.host), Type: "AAAA", Value: s.addr.String()}}}
}

// spoken looks at one that was reached.
func (r *run) spoken(ctx context.Context, s *service) {
	if p := s.Problem; p != nil && p.Step <= probe.HelloClear {
		switch p.Fault {
		case probe.NotSMTP, probe.TooMuch:
			r.find("smtp.other", s.String(), p.Error(), &Mend{Do: "Let a mail server listen there, or take it out of the MX records."})
		case probe.Rejected:
			r.find("smtp.refuses", s.String(), p.Error(), &Mend{
				Do: "If it refuses everybody, take it out of the MX records. If it refuses us alone, look for our address in its blocklists."})
		default:
			r.find("smtp.unknown", s.String(), p.Error()+". A server may let strangers wait (postscreen: 6 s): --timeout 15s", nil)
		}
		return
	}
	name := setName("myhostname", s.host, "postconf -e 'smtpd_banner = $myhostname ESMTP'")
	switch {
	case s.Host == "" || s.Host == "localhost" || !strings.Contains(s.Host, ".") || strings.HasPrefix(s.Host, "localhost."):
		r.find("smtp.banner", s.String(), s.Banner.String(), &Mend{Do: "Let it greet with its own name.", Set: name})
	case s.Host != strings.TrimSuffix(s.host, "."):
		if a := r.Resolver.Addresses(ctx, s.Host); a.Outcome.Known() && !contains(a.Addrs, s.addr) {
			r.find("smtp.name", s.String(), s.Banner.String(), &Mend{Do: "Let it greet with a name that leads to it.", Set: name})
		}
	}
	for _, mechanism := range s.Clear.Mechanisms() {
		if mechanism == "PLAIN" || mechanism == "LOGIN" {
			r.find("smtp.auth", s.String(), "AUTH "+strings.Join(s.Clear.Mechanisms(), " "), &Mend{
				Do: "Let nobody log in before STARTTLS.", Set: []string{"postconf -e 'smtpd_tls_auth_only = yes'", "postfix reload"}})
			break
		}
	}
}

func contains(all []netip.Addr, a netip.Addr) bool {
	for _, b := range all {
		if a == b.Unmap() {
			return true
		}
	}
	return false
}
