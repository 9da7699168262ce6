package config

import (
	"fmt"
	"net/mail"
	"net/netip"
	"slices"
)

// dnsKeys are what postward dns needs to know.
func dnsKeys() []key {
	return []key{
		{name: "dns.server", doc: "Where postward dns publish sends its updates, an address or address:port; \"\": to the server that the zone's SOA record names.",
			at: func(c *Config) any { return &c.DNS.Server }, check: serverOr},
		{name: "dns.key_file", doc: "What signs them, as tsig-keygen writes it, like \"/etc/postward/tsig.key\" (mode 640); the name server needs the same key.",
			at: func(c *Config) any { return &c.DNS.KeyFile }, check: absoluteOr},
		{name: "dns.key_name", doc: "Or the key itself (hmac-sha256): its name …", at: func(c *Config) any { return &c.DNS.KeyName }},
		{name: "dns.key_secret", doc: "… and its secret, in base64. Then only root and postward may read this file.", at: func(c *Config) any { return &c.DNS.KeySecret }, secret: true},
		{name: "dns.senders", doc: "Addresses that your domains' mail is sent from, as the world sees them; none: this host's.",
			at: func(c *Config) any { return &c.DNS.Senders }, check: addresses},
		{name: "dns.reports", doc: "A mail address that reports of DMARC and TLS go to; \"\": postmaster of each domain.", at: func(c *Config) any { return &c.DNS.Reports }, check: mailboxOr},
		{name: "dns.mta_sts", doc: "Publish MTA-STS, and with which mode: \"testing\", \"enforce\", or \"none\" to end one; \"\": not. The web server has to serve the policy,\nwhich postward dns show --mta-sts-policy prints.",
			at: func(c *Config) any { return &c.DNS.MTASTS }, check: stsMode},
	}
}

// serverOr: an address, or an address and a port, or nothing.
func serverOr(v any) error {
	s := *v.(*string)
	if _, err := netip.ParseAddr(s); s == "" || err == nil {
		return nil
	}
	if at, err := netip.ParseAddrPort(s); err != nil || at.Port() == 0 {
		return fmt.Errorf("%q is neither an address like \"192.0.2.53\" nor one with a port like \"[2001:db8::53]:5353\"", s)
	}
	return nil
}

// maxSenders is how many addresses a check looks at.
const maxSenders = 20

func addresses(v any) error {
	all := *v.(*[]string)
	if len(all) > maxSenders {
		return fmt.Errorf("%d addresses: at most %d are looked at", len(all), maxSenders)
	}
	for _, s := range all {
		if a, err := netip.ParseAddr(s); err != nil || a.Zone() != "" {
			return fmt.Errorf("%q is no address like 192.0.2.25 or 2001:db8::25", s)
		}
	}
	return nil
}

// mailboxOr: a mail address, or nothing.
func mailboxOr(v any) error {
	s := *v.(*string)
	if a, err := mail.ParseAddress(s); s != "" && (err != nil || a.Address != s) {
		return fmt.Errorf("%q is no mail address like postmaster@example.org", s)
	}
	return nil
}

func stsMode(v any) error {
	if s := *v.(*string); !slices.Contains([]string{"", "testing", "enforce", "none"}, s) {
		return fmt.Errorf("%q is no mode of MTA-STS: testing, enforce, none, or \"\" for no policy", s)
	}
	return nil
}
