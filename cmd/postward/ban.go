package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
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
	c := &cobra.Command{Use: "list", Short: "list the bans, the accounts that are protected and the addresses that are confined", Args: cobra.NoArgs,
		Long: "List the bans, and in a terminal the accounts that are protected and the addresses that are confined, too; --json has all of them,\n" +
			"and whether anybody is kept out. TIMES is how often a network was banned lately: each time for longer.",
		RunE: func(c *cobra.Command, _ []string) error {
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
	if why := idle(x); why != "" {
		a.out.line("# None of this is in the kernel: %s.", printable(why))
	}
	a.out.line("%s", strings.TrimRight(new(nft.Table).Listing(bans, slices.Concat(allowed.Networks, allowed.Own, allowed.Trusted)), "\n"))
	return nil
}

// idle says why the bans keep nobody away from the mail ports; empty: they do.
func idle(x *ctl.BansAnswer) string {
	switch {
	case !x.Enforced:
		return "guessing.mode is shadow, and nobody is kept out"
	case x.Kernel != "":
		return fmt.Sprintf("the kernel keeps nobody out (%s), and who is banned is refused when he speaks", x.Kernel)
	}
	return ""
}

// printBans prints a table for a pipe, and for a person what stands beside it too.
func (a *app) printBans(x *ctl.BansAnswer) error {
	if why := idle(x); a.out.person {
		a.printGate(x)
	} else if len(x.Bans) > 0 && why != "" { // what follows looks as if it stood
		a.note(why)
	}
	var rows [][]string
	for _, b := range x.Bans {
		rows = append(rows, []string{network(b.Prefix), at(b.Until), fmt.Sprint(b.Times), whoBanned(&b), b.Why()})
	}
	if len(rows) == 0 && a.out.person {
		return nil
	}
	return a.out.table([]string{"network", "until", "times", "by", "why"}, rows)
}

func (a *app) printGate(x *ctl.BansAnswer) {
	would := ""
	if !x.Enforced {
		would = "would be "
	}
	switch {
	case len(x.Bans) > 0 && !x.Enforced:
		a.out.line("Nobody is kept out: guessing.mode is shadow. These would be banned:")
	case !x.Enforced:
		a.out.line("Nobody would be banned (guessing.mode is shadow).")
	case len(x.Bans) == 0:
		a.out.line("Nobody is banned.")
	case x.Kernel != "":
		a.out.line("The kernel keeps nobody out (%s). Who is banned is refused when he speaks:", printable(x.Kernel))
	}
	for _, p := range x.Protected {
		a.out.line("%s %sprotected until %s: %s", printable(p.Account), cmp.Or(would, "is "), at(p.Until), printable(p.Why()))
	}
	for _, f := range x.Confined {
		a.out.line("%s %sconfined until %s to accounts that logged in from it before: %s", network(f.Prefix), cmp.Or(would, "is "), at(f.Until), printable(f.Evidence.String()))
	}
}

func whoBanned(b *guess.Ban) string {
	if b.By != "" {
		return b.By
	}
	return "postward"
}

// network is a prefix as people write it.
func network(p netip.Prefix) string { return ctl.Plain(p) }

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
	c := &cobra.Command{Use: "add ADDRESS|NETWORK", Short: "ban an address or a network for a time", Args: cobra.ExactArgs(1),
		Long: "Ban an address or a network for a time, also where somebody logged in; not what is on the allow list, of networks.own or this\n" +
			"host's, nor where somebody is logged in to it from. Of an address of IPv6 its /64 is banned. Exit status 1: nobody is kept out,\n" +
			"for guessing.mode is shadow.",
		RunE: func(c *cobra.Command, args []string) error {
			p, err := parseNetwork(args[0])
			if err != nil {
				return err
			}
			var x ctl.BansAnswer
			if err := a.ask(c.Context(), "ban/add", ctl.BanRequest{Network: p, For: d}, &x); err != nil || a.json {
				return a.orJSON(err, x)
			}
			return a.printAdded(p, &x, d)
		}}
	c.Flags().DurationVar(&d, "for", 24*time.Hour, "how long, from 1s to 168h")
	return c
}

// printAdded says what is banned now, and whether that keeps anybody out.
func (a *app) printAdded(said netip.Prefix, x *ctl.BansAnswer, d time.Duration) error {
	until := time.Now().Add(d)
	for _, b := range x.Bans {
		if b.Prefix == x.Network {
			until = b.Until
		}
	}
	is := map[bool]string{true: "is", false: "would be"}[x.Enforced]
	a.out.line("%s %s banned until %s. To lift it: postward ban remove %[1]s", network(x.Network), is, at(until))
	if x.Network.Bits() < said.Bits() {
		a.out.line("That is all of the network of %s: an address of IPv6 is counted as its /64.", network(said))
	}
	if why := idle(x); why != "" {
		a.out.line("But %s.", printable(why))
	}
	if !x.Enforced {
		return errFound
	}
	return nil
}

func (a *app) banRemove() *cobra.Command {
	return &cobra.Command{Use: "remove ADDRESS|NETWORK", Short: "lift the bans of an address or a network, and forgive what led to them", Args: cobra.ExactArgs(1),
		Long: "Lift the bans that an address or a network is under, and those of its parts, and forgive what led to them. It is judged as anybody\n" +
			"is from then on: postward allow add has it never banned.",
		RunE: func(c *cobra.Command, args []string) error {
			p, err := parseNetwork(args[0])
			if err != nil {
				return err
			}
			var x ctl.BansAnswer
			if err := a.ask(c.Context(), "ban/remove", ctl.BanRequest{Network: p}, &x); err != nil || a.json {
				return a.orJSON(err, x)
			}
			for _, b := range x.Bans {
				a.out.line("%s is let in again. So that it is never banned: postward allow add %[1]s", network(b.Prefix))
			}
			return nil
		}}
}

// aboutSources is what the two verbs that show an address say of what they are given.
const aboutSources = "Of an address of IPv6 that is its /64, which one host has for its own. Of a network, its first address, and the bans in it."

func (a *app) banExplain() *cobra.Command {
	c := a.sourceShow()
	c.Use, c.Short = "explain ADDRESS|NETWORK", "say why an address is banned, or why not"
	c.Long = "Say why an address is banned, or why not, and what it tried: the same as postward source show.\n" + aboutSources
	return c
}

func (a *app) sourceCommand() *cobra.Command {
	c := &cobra.Command{Use: "source", Short: "where logins come from"}
	c.AddCommand(a.sourceShow())
	return c
}

func (a *app) sourceShow() *cobra.Command {
	return &cobra.Command{Use: "show ADDRESS|NETWORK", Short: "show everything that is known of an address", Args: cobra.ExactArgs(1),
		Long: "Show everything that is known of an address: what it tried, who logged in from it, whether it is banned, and why or why not.\n" + aboutSources,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := parseNetwork(args[0])
			if err != nil {
				return err
			}
			var x ctl.SourceAnswer
			if err := a.ask(c.Context(), "source/show", ctl.SourceRequest{Client: p.Masked().Addr()}, &x); err != nil || a.json {
				return a.orJSON(err, x)
			}
			a.printSource(&x)
			if p = p.Masked(); p.Bits() < x.Source.Bits() {
				return a.printBansIn(c.Context(), p)
			}
			return nil
		}}
}

// printBansIn says which bans there are of parts of a network: what is known is told of its first address alone.
func (a *app) printBansIn(ctx context.Context, p netip.Prefix) error {
	var x ctl.BansAnswer
	if err := a.ask(ctx, "ban/list", nil, &x); err != nil {
		return err
	}
	x.Bans = slices.DeleteFunc(x.Bans, func(b guess.Ban) bool { return b.Prefix.Bits() <= p.Bits() || !p.Contains(b.Prefix.Addr()) })
	if len(x.Bans) == 0 {
		a.out.line("%s: nothing in it is banned besides.", p)
		return nil
	}
	a.out.line("%s: in it", p)
	for _, b := range x.Bans {
		a.out.line("  %s, %s, until %s: %s", network(b.Prefix), map[bool]string{true: "banned", false: "would be banned"}[x.Enforced], at(b.Until), printable(b.Why()))
	}
	return nil
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
		a.out.line("  would be banned until %s (guessing.mode is shadow): %s", at(b.Until), printable(x.Why))
	case b != nil:
		a.out.line("  banned until %s, for the %s time: %s", at(b.Until), ordinal(b.Times), printable(x.Why))
		a.out.line("  to let it in: postward ban remove %s", network(b.Prefix))
	case x.Never != "":
		a.out.line("  not banned by postward, whatever it tries: %s", printable(x.Never))
	case x.Before != nil:
		a.out.line("  not banned now; the last ban ended %s", at(x.Before.Until))
	default:
		a.out.line("  not banned")
	}
	if c := x.Confined; c != nil {
		a.out.line("  %s until %s: it logs in only to accounts that it had logged in to before (%s)", map[bool]string{true: "confined", false: "would be confined"}[x.Enforced], at(c.Until), printable(c.Evidence.String()))
	}
	if x.Webmail && x.Ban != nil { // else it is why it is not banned
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
