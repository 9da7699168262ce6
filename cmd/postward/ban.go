package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/host/nft"
	"postward/internal/run/ctl"
)

func (a *app) banCommand() *cobra.Command {
	c := &cobra.Command{Use: "ban", Short: "who is kept out for guessing passwords, and why"}
	c.AddCommand(a.banList(), a.banAdd(), a.banRemove(), a.banExplain())
	return c
}

func (a *app) banList() *cobra.Command {
	var asNFT bool
	c := &cobra.Command{Use: "list", Short: "list the bans, the accounts that are protected and the addresses that are confined", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		var x ctl.BansAnswer
		if err := a.ask(c.Context(), "ban/list", nil, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		if asNFT {
			return a.printNFT(c.Context(), &x)
		}
		return a.printBans(&x)
	}}
	c.Flags().BoolVar(&asNFT, "nft", false, "print the table as nft -f reads it")
	return c
}

// printNFT prints what the kernel is told of the bans, and of whom it never drops.
func (a *app) printNFT(ctx context.Context, x *ctl.BansAnswer) error {
	var allowed ctl.AllowAnswer
	if err := a.ask(ctx, "allow/list", nil, &allowed); err != nil {
		return err
	}
	var bans []nft.Ban
	for _, b := range x.Bans {
		bans = append(bans, nft.Ban{Prefix: b.Prefix, For: max(time.Until(b.Until).Round(time.Second), time.Second), Logins: b.Logins})
	}
	a.out.line("%s", strings.TrimRight(new(nft.Table).Listing(bans, append(allowed.Networks, allowed.Own...)), "\n"))
	return nil
}

// printBans prints a table for a pipe, and for a person what stands beside it too.
func (a *app) printBans(x *ctl.BansAnswer) error {
	if a.out.person {
		a.printGate(x)
	}
	var rows [][]string
	for _, b := range x.Bans {
		rows = append(rows, []string{network(b.Prefix), at(b.Until), fmt.Sprint(b.Times), whoBanned(&b), b.Why()})
	}
	if len(rows) == 0 && a.out.person {
		return nil
	}
	return a.out.table([]string{"network", "until", "time", "by", "why"}, rows)
}

func (a *app) printGate(x *ctl.BansAnswer) {
	switch {
	case len(x.Bans) == 0:
		a.out.line("Nobody is banned.")
	case !x.Enforced:
		a.out.line("Nobody is kept out: guessing.mode is shadow. These would be banned:")
	case x.Kernel != "":
		a.out.line("The kernel keeps nobody out (%s). Who is banned is refused when he speaks:", printable(x.Kernel))
	}
	for _, p := range x.Protected {
		a.out.line("%s is protected until %s: %s", printable(p.Account), at(p.Until), printable(p.Why()))
	}
	for _, f := range x.Confined {
		a.out.line("%s is confined until %s to accounts that logged in from it before: %s", network(f.Prefix), at(f.Until), printable(f.Evidence.String()))
	}
}

func whoBanned(b *guess.Ban) string {
	if b.By != "" {
		return b.By
	}
	return "postward"
}

// network is a prefix as people write it: a single address without its length.
func network(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// at is a time, "-" if there was none.
func at(t time.Time) string {
	if t.IsZero() {
		return when(0)
	}
	return when(guard.TimeOf(t))
}

// parseNetwork reads an address or a prefix.
func parseNetwork(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, nil
	}
	client, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, &ctl.Problem{What: fmt.Sprintf("%q is no address and no network", s), Hint: "like 203.0.113.9, 203.0.113.0/24 or 2001:db8:1:2::/64"}
	}
	client = client.Unmap()
	return netip.PrefixFrom(client, client.BitLen()), nil
}

func (a *app) banAdd() *cobra.Command {
	var d time.Duration
	c := &cobra.Command{Use: "add ADDRESS|NETWORK", Short: "ban an address or a network for a time", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		p, err := parseNetwork(args[0])
		if err != nil {
			return err
		}
		var x ctl.BansAnswer
		if err := a.ask(c.Context(), "ban/add", ctl.BanRequest{Network: p, For: d}, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		a.out.line("%s is banned for %s. To lift it: postward ban remove %s", network(p.Masked()), d, network(p.Masked()))
		return nil
	}}
	c.Flags().DurationVar(&d, "for", 24*time.Hour, "how long, up to 168h")
	return c
}

func (a *app) banRemove() *cobra.Command {
	return &cobra.Command{Use: "remove ADDRESS|NETWORK", Short: "lift the bans of an address or a network, and forgive what led to them", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		p, err := parseNetwork(args[0])
		if err != nil {
			return err
		}
		var x ctl.BansAnswer
		if err := a.ask(c.Context(), "ban/remove", ctl.BanRequest{Network: p}, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		for _, b := range x.Bans {
			a.out.line("%s is let in again. So that it is never banned: postward allow add %s", network(b.Prefix), network(b.Prefix))
		}
		return nil
	}}
}

func (a *app) banExplain() *cobra.Command {
	c := a.sourceShow()
	c.Use, c.Short = "explain ADDRESS|NETWORK", "say why an address is banned, or why not"
	return c
}

func (a *app) sourceCommand() *cobra.Command {
	c := &cobra.Command{Use: "source", Short: "where logins come from"}
	c.AddCommand(a.sourceShow())
	return c
}

func (a *app) sourceShow() *cobra.Command {
	return &cobra.Command{Use: "show ADDRESS|NETWORK", Short: "show everything that is known of an address", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		p, err := parseNetwork(args[0]) // as ban list shows it: of a network, its first address
		if err != nil {
			return err
		}
		var x ctl.SourceAnswer
		if err := a.ask(c.Context(), "source/show", ctl.SourceRequest{Client: p.Addr()}, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		a.printSource(&x)
		return nil
	}}
}

func (a *app) printSource(x *ctl.SourceAnswer) {
	place := ""
	if x.ASN != 0 {
		place = fmt.Sprintf(", AS%d %s", x.ASN, printable(x.Country))
	}
	a.out.line("%s%s", x.Client, place)
	a.printBanOf(x)
	if x.Source.Bits() < x.Client.BitLen() {
		a.out.line("  counted with all of %s", x.Source)
	}
	a.out.line("  refused logins: %d in the last hour, %d in a day, %d in a week, last %s", x.Hour, x.Day, x.Week, at(x.Last))
	if x.Names > 0 {
		a.out.line("  under %s: %s", guard.Count(x.Names, "name"), oneLine(strings.Join(x.Tried, ", ")))
	}
	if x.Around > x.Week {
		a.out.line("  refused logins of its neighbours in %s: %d", x.Network, x.Around-x.Week)
	}
	if x.Manners > 0 {
		a.out.line("  relay, unknown recipients, no SMTP, or going away within a login: %s in a day", guard.Count(x.Manners, "time"))
	}
	a.out.line("  good logins: %s, last %s", guard.Count(x.AtHome, "account"), at(x.Good))
	if len(x.Accounts) > 0 {
		a.out.line("  mail lately of: %s", oneLine(strings.Join(x.Accounts, ", ")))
	}
	if !x.Sent.IsZero() {
		a.out.line("  a mail without a login was taken: %s", at(x.Sent))
	}
}

// printBanOf says whether an address is banned, and why or why not.
func (a *app) printBanOf(x *ctl.SourceAnswer) {
	switch b := x.Ban; {
	case b != nil && !x.Enforced:
		a.out.line("  would be banned until %s (guessing.mode is shadow): %s", at(b.Until), x.Why)
	case b != nil:
		a.out.line("  banned until %s, for the %s time: %s", at(b.Until), ordinal(b.Times), x.Why)
		a.out.line("  to let it in: postward ban remove %s", network(b.Prefix))
	case x.Never != "":
		a.out.line("  never banned: %s", x.Never)
	case x.Before != nil:
		a.out.line("  not banned now; the last ban ended %s", at(x.Before.Until))
	default:
		a.out.line("  not banned")
	}
	if c := x.Confined; c != nil {
		a.out.line("  confined until %s: it logs in only to accounts that it had logged in to before", at(c.Until))
	}
	if x.Webmail {
		a.out.line("  a webmail host or a proxy (networks.webmail): its address is everybody's")
	}
}

func ordinal(n int) string {
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}

func (a *app) allowCommand() *cobra.Command {
	c := &cobra.Command{Use: "allow", Short: "who is never banned, whatever it tries"}
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "list the networks that are never banned", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
			return a.printAllowed(c.Context(), "allow/list", nil)
		}},
		a.changeAllowed("add", "never ban an address or a network"), a.changeAllowed("remove", "take an address or a network off the allow list"),
	)
	return c
}

func (a *app) changeAllowed(verb, short string) *cobra.Command {
	return &cobra.Command{Use: verb + " ADDRESS|NETWORK", Short: short, Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		p, err := parseNetwork(args[0])
		if err != nil {
			return err
		}
		return a.printAllowed(c.Context(), "allow/"+verb, ctl.BanRequest{Network: p})
	}}
}

func (a *app) printAllowed(ctx context.Context, verb string, request any) error {
	var x ctl.AllowAnswer
	if err := a.ask(ctx, verb, request, &x); err != nil || a.json {
		return a.orJSON(err, x)
	}
	var rows [][]string
	for _, p := range x.Networks {
		rows = append(rows, []string{network(p), "allow list"})
	}
	for _, p := range x.Own {
		rows = append(rows, []string{network(p), "networks.own"})
	}
	return a.out.table([]string{"network", "because of"}, rows)
}

func (a *app) accountLock() *cobra.Command {
	return &cobra.Command{Use: "lock ACCOUNT", Short: "let nobody log in as an account, whatever the password", Args: cobra.ExactArgs(1),
		Long: "Let nobody log in as an account, whatever the password, and end its sessions. Dovecot asks postward at each login\n" +
			"(postward attach --dovecot); mail that is sent without a login is not concerned.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.lockAccount(c.Context(), "account/lock", args[0], "Nobody logs in as %s any more. To open it: postward account unlock %[1]s")
		}}
}

func (a *app) accountUnlock() *cobra.Command {
	return &cobra.Command{Use: "unlock ACCOUNT", Short: "let an account log in again that was locked, or stopped", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		return a.lockAccount(c.Context(), "account/unlock", args[0], "%s may log in, with its password, from everywhere. Whether its mail is refused says its incident: postward incident list")
	}}
}

func (a *app) lockAccount(ctx context.Context, verb, account, done string) error {
	var x guard.Account
	if err := a.ask(ctx, verb, ctl.Name{Account: account}, &x); err != nil || a.json {
		return a.orJSON(err, x)
	}
	a.out.line(done, printable(x.Name))
	if verb == "account/unlock" {
		return nil
	}
	return a.warnUnasked(ctx)
}

// warnUnasked says that a lock or a protection holds nobody, where Dovecot does not ask: somebody relies on it.
func (a *app) warnUnasked(ctx context.Context) error {
	var s ctl.Status
	if err := a.ask(ctx, "status", nil, &s); err != nil || s.Gate.Unasked == "" {
		return err
	}
	a.out.line("But Dovecot does not ask postward, and lets in whose password is right: %s", printable(s.Gate.Unasked))
	return errFound
}

func (a *app) accountProtect() *cobra.Command {
	var d time.Duration
	var off bool
	c := &cobra.Command{Use: "protect ACCOUNT", Short: "for a time, let only those in who logged in to an account before", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		switch {
		case off:
			d = 0
		case d <= 0:
			return &ctl.Problem{What: fmt.Sprintf("a protection of %s", d), Hint: "a time up to 720h, like --for 24h; --off ends one"}
		}
		var p guess.Protection
		if err := a.ask(c.Context(), "account/protect", ctl.ProtectRequest{Account: args[0], For: d}, &p); err != nil || a.json {
			return a.orJSON(err, p)
		}
		if off {
			a.out.line("%s is not protected.", printable(p.Account))
			return nil
		}
		a.out.line("Until %s only who logged in to %s before, from a network that it knows, gets in. To end it: postward account protect %[2]s --off", at(p.Until), printable(p.Account))
		return a.warnUnasked(c.Context())
	}}
	c.Flags().DurationVar(&d, "for", 24*time.Hour, "how long, up to 720h")
	c.Flags().BoolVar(&off, "off", false, "end it")
	return c
}
