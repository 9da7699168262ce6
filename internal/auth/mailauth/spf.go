package mailauth

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	check "blitiri.com.ar/go/spf"

	"postward/internal/domain/spf"
	"postward/internal/mail/message"
	"postward/internal/wire/dns"
)

// SPF is what came of checking one identity (RFC 7208 section 2.3 or 2.4).
type SPF struct {
	Result spf.Result `json:"result"`
	Domain string     `json:"domain,omitempty"` // that was checked, in A-labels; empty: it is none
	Why    string     `json:"why,omitempty"`    // in printable words: the mechanism that matched, or what failed
}

// checkSPF is check_host() (section 4) for a mailbox; without a local part it is postmaster's (section 4.3). It returns
// when the context ends. ahead begins to ask for what will be asked for later.
func checkSPF(ctx context.Context, r dns.Resolver, ahead func(string, dns.Type), client netip.Addr, helo, mailbox string) (s SPF) {
	at := strings.LastIndexByte(mailbox, '@')
	domain, ok := checkable(mailbox[at+1:])
	switch {
	case !ok:
		return SPF{Result: spf.None, Why: "not a domain name"} // section 4.3
	case !client.IsValid():
		return SPF{Result: spf.None, Domain: domain, Why: "the client has no address"}
	}
	result, err := check.CheckHostWithSender(client.AsSlice(), helo, local(mailbox[:max(at, 0)])+"@"+domain,
		check.WithContext(ctx), check.WithResolver(&asking{Resolver: r, client: client, ahead: ahead}))
	s = SPF{Result: spf.Result(result), Domain: domain, Why: why(err)}
	if ctx.Err() != nil && s.Result != spf.Pass {
		s.Result, s.Why = spf.TempError, "the deadline"
	}
	return s
}

// unchecked is the result of a check that panicked: the library may, by a stranger's record.
func unchecked(mailbox string) SPF {
	domain, _ := checkable(mailbox[strings.LastIndexByte(mailbox, '@')+1:])
	return SPF{Result: spf.TempError, Domain: domain, Why: "evaluating the record failed"}
}

// local is a local part as the library takes it: it cuts a mailbox at the first @, which a quoted local part may have.
func local(part string) string {
	if part == "" {
		return "postmaster"
	}
	return strings.ReplaceAll(part, "@", "=")
}

// checkable is a domain that has a policy to be asked for: a name of more than one label (section 4.3). That is no address
// literal.
func checkable(domain string) (string, bool) {
	domain, err := message.Domain(domain)
	if err != nil || strings.ContainsAny(domain, "[]:") {
		return "", false
	}
	name, ok := dns.Canonical(domain)
	name = strings.TrimSuffix(name, ".")
	return name, ok && strings.Contains(name, ".")
}

// why is what the library says, without a stranger's octets.
func why(err error) string {
	if err == nil {
		return ""
	}
	if failed, is := err.(*net.DNSError); is {
		return fmt.Sprintf("ask for %s: %s", failed.Name, failed.Err) // dns.Error has made the name harmless
	}
	return message.Clean(err.Error())
}
