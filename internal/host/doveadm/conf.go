package doveadm

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"postward/internal/host/postfix"
)

// DefaultConfig is where Dovecot's configuration is on most hosts.
const DefaultConfig = "/etc/dovecot/dovecot.conf"

// Version is Dovecot's, like "2.3.19.1".
func Version(ctx context.Context) (string, error) {
	out, _, err := postfix.Tool(ctx, "dovecot", "--version")
	if err != nil {
		return "", fmt.Errorf("ask Dovecot for its version: %w: is Dovecot installed on this host?", err)
	}
	version, _, _ := strings.Cut(strings.TrimSpace(out), " ")
	return version, nil
}

// Check lets Dovecot read its configuration. What it does not like is the error.
func (d Instance) Check(ctx context.Context) error {
	_, _, err := postfix.Tool(ctx, "doveconf", append(d.args(), "-n")...)
	if err != nil {
		return fmt.Errorf("let Dovecot read its configuration: %w", err)
	}
	return nil
}

// Get is what a setting is worth, outside of all blocks.
func (d Instance) Get(ctx context.Context, setting string) (string, error) {
	out, _, err := postfix.Tool(ctx, "doveconf", append(d.args(), "-h", setting)...)
	if err != nil {
		return "", fmt.Errorf("ask Dovecot for %s: %w", setting, err)
	}
	return strings.TrimSpace(out), nil
}

// Proxies are the networks that Dovecot believes when they say for whom they come: haproxy_trusted_networks (the PROXY protocol) and
// login_trusted_networks (webmail). None where there is no Dovecot, or it does not say.
func (d Instance) Proxies(ctx context.Context) (all []netip.Prefix) {
	for _, setting := range []string{"haproxy_trusted_networks", "login_trusted_networks"} {
		if list, err := d.Get(ctx, setting); err == nil {
			all = append(all, readNetworks(list)...)
		}
	}
	return all
}

// readNetworks reads addresses and networks, between blanks or commas. What is neither is passed over, as what holds everybody.
func readNetworks(list string) (all []netip.Prefix) {
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }) {
		p, err := netip.ParsePrefix(word)
		if a, bare := netip.ParseAddr(word); bare == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err == nil && p.Bits() > 0 {
			all = append(all, p.Masked())
		}
	}
	return all
}

// Text is all that differs from Dovecot's defaults, in its own syntax.
func (d Instance) Text(ctx context.Context) (string, error) {
	out, _, err := postfix.Tool(ctx, "doveconf", append(d.args(), "-n")...)
	if err != nil {
		return "", fmt.Errorf("ask Dovecot for its configuration: %w", err)
	}
	return out, nil
}
