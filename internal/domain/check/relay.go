package check

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"postward/internal/domain/probe"
)

// strangers looks whether the exchangers pass strangers' mail on to strangers, and whether they take a wrong end of data
// for the right one. Only of servers that are the owner's: it looks like an attack.
func (r *run) strangers(ctx context.Context) string {
	if !r.Own || r.Domain == "" {
		return ""
	}
	var asked sync.WaitGroup
	lines := make([]string, MaxServices)
	for i, s := range r.services() {
		if s.Connected && s.Problem == nil {
			asked.Go(func() { lines[i] = r.stranger(ctx, &s) })
		}
	}
	asked.Wait()
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return line == "" }), "; ")
}

func (r *run) stranger(ctx context.Context, s *service) string {
	if here(s.addr) {
		r.find("relay.unknown", s.String(), "the server was asked from itself, and may relay for that: run it from elsewhere", nil)
		return ""
	}
	c := probe.Config{Dial: r.Dial, HELO: r.Name, Roots: r.Roots, Now: r.Now, Timeout: r.Timeout}
	var tries []probe.Try
	var endings []probe.Ending
	var both sync.WaitGroup
	both.Go(func() { tries = probe.Relay(ctx, c, s.Target, []string{r.Domain}) })
	both.Go(func() { endings = probe.Smuggling(ctx, c, s.Target, "postmaster@"+r.Domain) })
	both.Wait()
	var taken, silent []string
	for _, t := range tries {
		switch {
		case t.Relayed == probe.Yes:
			taken = append(taken, t.Name+": MAIL FROM:<"+t.From+"> RCPT TO:<"+t.To+"> "+t.Reply.String())
		case t.Problem != nil:
			silent = append(silent, t.Name+": "+t.Problem.Error())
		}
	}
	if len(taken) > 0 {
		r.find("relay.open", s.String(), strings.Join(taken, "; "), &Mend{Do: "Let it take mail for its own domains only, at once.",
			Set: []string{"postconf -e 'smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination'", "postfix reload"}})
	}
	var wrong []string
	for _, e := range endings {
		switch {
		case e.Tolerant == probe.Yes:
			wrong = append(wrong, e.Name)
		case e.Problem != nil:
			silent = append(silent, e.Name+": "+e.Problem.Error())
		}
	}
	if len(wrong) > 0 {
		r.find("relay.smuggling", s.String(), "it takes "+strings.Join(wrong, ", ")+" for the end of a message", &Mend{Do: "Let it take the right end of a message only.",
			Set: []string{"postconf -e 'smtpd_forbid_bare_newline = normalize'", "postfix reload"}})
	}
	if len(silent) > 0 {
		r.find("relay.unknown", s.String(), strings.Join(silent, "; "), nil)
		return ""
	}
	return s.String() + " passes nothing on for strangers"
}

// here reports whether an address is this host's own.
func here(a netip.Addr) bool {
	own, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(own, func(o net.Addr) bool {
		p, err := netip.ParsePrefix(o.String())
		return err == nil && p.Addr().Unmap() == a
	})
}
