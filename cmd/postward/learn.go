package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/host/learn"
	"postward/internal/run/ctl"
	"postward/internal/wire/netinfo"
)

// whereIs answers from the built-in table.
func whereIs() func(netip.Addr) (asn uint32, country string) {
	table := netinfo.Embedded()
	return func(addr netip.Addr) (uint32, string) {
		i := table.Lookup(addr)
		return i.ASN, i.Country
	}
}

func (a *app) accountLearn() *cobra.Command {
	return &cobra.Command{Use: "learn LOG…", Short: "learn who usually writes from where from old mail logs, oldest first", Args: cobra.MinimumNArgs(1),
		Long: "Read old mail logs (compressed ones too), oldest first, and learn of each account where it writes from, to whom, and how much\n" +
			"is usual. Nobody may send because of that; account show shows it, and account forget strikes it out. An account that\n" +
			"has sent through postward already learns only whom it knows. It needs the daemon: what is learned is told to it. Exit\n" +
			"status 2: a log could not be read; what the others say is learned all the same.",
		RunE: func(c *cobra.Command, args []string) error { return a.learn(c.Context(), args) }}
}

func (a *app) learn(ctx context.Context, logs []string) error {
	learned, err := learn.FromLogs(ctx, learn.Options{Logs: logs, Now: time.Now(), Where: whereIs()})
	if err != nil {
		return err
	}
	for _, n := range learned.Notes {
		fmt.Fprintln(os.Stderr, "postward:", printable(n))
	}
	total := 0
	for _, e := range learned.Events(time.Now()) {
		var acted ctl.Acted
		if err := a.ask(ctx, "account/learn", ctl.LearnRequest{Events: []guard.Event{e}}, &acted); err != nil {
			return err
		}
		total += acted.Accounts
	}
	said := "nothing was learned"
	if total > 0 || learned.NotRead == 0 {
		said = "the others are learned"
		a.out.line("learned of %s; postward account list", guard.Count(total, "account"))
	}
	if learned.NotRead > 0 {
		return &ctl.Problem{What: fmt.Sprintf("%d of %s could not be read to the end: %s", learned.NotRead, guard.Count(len(logs), "log"), said), Hint: "postward account learn LOG once more, when it can be: what is known already is not learned twice"}
	}
	return nil
}

func (a *app) accountForget() *cobra.Command {
	var network string
	c := &cobra.Command{Use: "forget ACCOUNT", Short: "strike out what was learned: a network, or everything", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		r := ctl.ForgetRequest{Account: args[0]}
		if network != "" {
			addr, err := netip.ParseAddr(network)
			if err != nil {
				return &ctl.Problem{What: fmt.Sprintf("%q is no address", network), Hint: "postward account show " + args[0]}
			}
			r.Network = addr
		} else if err := a.confirm("This strikes out everything that was learned of " + printable(args[0])); err != nil {
			return err
		}
		var x guard.Account
		if err := a.ask(c.Context(), "account/forget", r, &x); err != nil || a.json {
			return a.orJSON(err, x)
		}
		a.out.line("%s: struck out.", printable(x.Name))
		return nil
	}}
	c.Flags().StringVar(&network, "network", "", "an address as account show lists it (default: everything)")
	return c
}
