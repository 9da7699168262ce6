package main

import (
	"context"
	"net/netip"
	"slices"

	"github.com/spf13/cobra"

	"postward/internal/run/ctl"
)

func (a *app) allowCommand() *cobra.Command {
	c := &cobra.Command{Use: "allow", Short: "who is never banned, whatever it tries"}
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "list the networks that are never banned", Args: cobra.NoArgs,
			Long: "List the networks that are never banned: the allow list, and what configurations say. Nor is this host, or whence somebody is\n" +
				"logged in to it.",
			RunE: func(c *cobra.Command, _ []string) error { return a.allowList(c.Context()) }},
		a.changeAllowed("add", "never ban an address or a network",
			"Never ban an address or a network, whatever it tries, and let it in if it is banned. An address of IPv6 is that address alone,\n"+
				"and hosts change theirs: for a network at home name its /64.", a.allowed),
		a.changeAllowed("remove", "take an address or a network off the allow list",
			"Take an address or a network off the allow list, as postward allow list shows it. A ban that it is under holds again.", a.disallowed),
	)
	return c
}

func (a *app) changeAllowed(verb, short, long string, done func(netip.Prefix)) *cobra.Command {
	return &cobra.Command{Use: verb + " ADDRESS|NETWORK", Short: short, Long: long, Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		p, err := parseNetwork(args[0])
		if err != nil {
			return err
		}
		var x ctl.AllowAnswer
		if err := a.ask(c.Context(), "allow/"+verb, ctl.BanRequest{Network: p}, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		done(p.Masked())
		return nil
	}}
}

// allowed says what is on the allow list now. Hosts of IPv6 change their addresses (RFC 8981): who means his host means its network.
func (a *app) allowed(p netip.Prefix) {
	a.out.line("%s is never banned, whatever it tries, and let in if it was. To take it off the list: postward allow remove %[1]s", network(p))
	if p.Addr().Is6() && p.Bits() > 64 {
		whole := netip.PrefixFrom(p.Addr(), 64).Masked()
		a.out.line("That is a part of one network of IPv6, whose hosts change their addresses. If all of it is yours: postward allow add %s", whole)
	}
}

func (a *app) disallowed(p netip.Prefix) {
	a.out.line("%s is not on the allow list any more, and is judged as anybody is.", network(p))
}

func (a *app) allowList(ctx context.Context) error {
	var x ctl.AllowAnswer
	if err := a.ask(ctx, "allow/list", nil, &x); err != nil || a.json {
		return a.orJSON(err, x)
	}
	var rows [][]string
	add := func(networks []netip.Prefix, because string) {
		for _, p := range networks {
			rows = append(rows, []string{network(p), because})
		}
	}
	add(x.Networks, "allow list")
	add(x.Own, "networks.own")
	add(slices.DeleteFunc(x.Trusted, func(p netip.Prefix) bool {
		return slices.ContainsFunc(x.Own, func(n netip.Prefix) bool { return n.Bits() <= p.Bits() && n.Contains(p.Addr()) })
	}), "mynetworks, or a proxy of Dovecot's")
	return a.out.table([]string{"network", "because of"}, rows)
}
