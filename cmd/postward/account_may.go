package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// Who may send, and as whom.

// writesAs is as whom an account may write.
func writesAs(l *guard.Listing) string {
	if len(l.Addresses) > 0 && l.Own {
		return addresses(nil) + ", " + addresses(l.Addresses)
	}
	return addresses(l.Addresses)
}

func (a *app) accountAllow() *cobra.Command {
	var l guard.Listing
	var class string
	var only, proposed bool
	c := &cobra.Command{Use: "allow ACCOUNT", Short: "put an account on the list of those who may send, or let it use one more address", Args: cobra.MaximumNArgs(1),
		Long: "Put an account on the list of those who may send. It may send as what old logs say, or else as its own name at the\n" +
			"local domains. --address lets it use one more: exact, *@domain, with one * before the @ (srs0=*@example.org for what\n" +
			"SRS makes, news+*@example.org for VERP), or * for any. What it was allowed before stays; with --only the addresses\n" +
			"given are all, and its own is not among them. --proposed puts everybody on the list whom old logs showed\n" +
			"with a login. Accounts that need none are written local:USER and net:ADDRESS; they send without being on the list, and may\n" +
			"write as what they are allowed alone once they are.",
		RunE: func(c *cobra.Command, args []string) error {
			l.Class, l.Adds = guard.Class(class), !only
			switch {
			case proposed != (len(args) == 0):
				return &ctl.Problem{What: "allow whom?", Hint: "postward account allow ACCOUNT, or postward account allow --proposed for all that old logs showed"}
			case only && len(l.Addresses) == 0:
				return &ctl.Problem{What: "--only needs the addresses that are to be all", Hint: "postward account allow ACCOUNT --only --address info@example.org"}
			case proposed:
				return a.allowProposed(c.Context(), &l)
			}
			return a.changeAccount(c.Context(), "account/allow", args[0], &l, "%s may send as %s.")
		}}
	c.Flags().StringArrayVar(&l.Addresses, "address", nil, "one more address it may use: exact, *@domain, name+*@domain or * (repeat)")
	c.Flags().BoolVar(&only, "only", false, "the addresses given are all: what it was allowed before, and its own, is taken away")
	c.Flags().BoolVar(&proposed, "proposed", false, "all accounts with a login that old logs showed and that are not on the list")
	c.Flags().StringVar(&class, "class", "", "person, newsletter or application")
	c.Flags().IntVar(&l.Budget, "budget", 0, "never-seen recipients a day, for a newsletter or application")
	return c
}

// allowProposed puts everybody on the list whom old logs showed, and who is neither on it nor denied. Who needs no login needs no
// listing, and it would bind him to what he wrote as: the program that told of one's vacation is to tell of the next one's.
func (a *app) allowProposed(ctx context.Context, l *guard.Listing) error {
	if len(l.Addresses) > 0 {
		return &ctl.Problem{What: "--proposed allows what old logs say, and no other address", Hint: "postward account allow ACCOUNT --address ADDRESS for one of them"}
	}
	var accounts []*guard.Account
	if err := a.ask(ctx, "account/list", nil, &accounts); err != nil {
		return err
	}
	accounts = slices.DeleteFunc(accounts, func(x *guard.Account) bool { return x.Listing != nil || x.Learned == nil || x.Learned.Messages == 0 })
	accounts = withLogin(accounts)
	if len(accounts) == 0 && !a.json {
		a.out.line("nobody is proposed: postward attach, or postward account learn LOG, reads old logs")
		return nil
	}
	for _, x := range accounts {
		if err := a.changeAccount(ctx, "account/allow", x.Name, l, "%s may send as %s."); err != nil {
			return err
		}
	}
	return nil
}

// withLogin leaves out the accounts that need no login, and says so.
func withLogin(accounts []*guard.Account) []*guard.Account {
	var hosted []string
	accounts = slices.DeleteFunc(accounts, func(x *guard.Account) bool {
		is := strings.HasPrefix(x.Name, guard.LocalPrefix) || strings.HasPrefix(x.Name, guard.NetPrefix)
		if is {
			hosted = append(hosted, printable(x.Name))
		}
		return is
	})
	if len(hosted) > 0 {
		fmt.Fprintln(os.Stderr, "postward: they send without being on the list:", strings.Join(hosted, ", "))
	}
	return accounts
}

func (a *app) accountRemove() *cobra.Command {
	return &cobra.Command{Use: "remove ACCOUNT", Short: "take an account out, as if it had never been seen", Args: cobra.ExactArgs(1),
		Long: "Take an account out with all that is known of it: a typing error, or somebody who left. It may not send then, until it is\n" +
			"allowed again. While an incident of it is open, or mail of it is in Postfix's queue, it stays; account deny takes it off the\n" +
			"list at once.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.confirm("This takes out " + printable(args[0]) + " and all that is known of it"); err != nil {
				return err
			}
			var acted ctl.Acted
			if err := a.ask(c.Context(), "account/remove", ctl.Name{Account: args[0]}, &acted); err != nil || a.json {
				return a.orJSON(err, acted)
			}
			a.out.line("%s is taken out.", printable(args[0]))
			return nil
		}}
}

func (a *app) accountRefused() *cobra.Command {
	return &cobra.Command{Use: "refused", Short: "list as whom accounts wrote and may not, with what allows it", Args: cobra.NoArgs,
		Long: "List as whom accounts wrote within a month and may not: their mail was refused, or in shadow mode would have been. Before\n" +
			"mode = \"enforce\" this list is empty, or what is in it is meant. Each line ends with the command that allows it; several\n" +
			"addresses are allowed at once by one with a * in it.",
		RunE: func(c *cobra.Command, _ []string) error {
			var list []ctl.NotAs
			if err := a.ask(c.Context(), "account/refused", nil, &list); err != nil || a.json {
				return a.orJSON(err, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(os.Stderr, "postward: within a month nobody wrote as whom he may not")
				return nil
			}
			var rows [][]string
			for _, x := range list {
				rows = append(rows, []string{printable(x.Account), as(&x), string(x.Reason), map[bool]string{true: "passed", false: "refused"}[x.Passed], fmt.Sprint(x.Times), when(x.Last), allows(&x)})
			}
			return a.out.table([]string{"account", "wrote as", "why", "mail", "times", "last", "what allows it"}, rows)
		}}
}

func as(x *ctl.NotAs) string {
	if x.Address == "" {
		return "nobody"
	}
	return printable(x.Address)
}

// allows is the command after which a mail like it passes.
func allows(x *ctl.NotAs) string {
	if x.Reason == guard.ReasonNotListed {
		return "postward account allow " + quoted(x.Account)
	}
	if x.Address == "" || strings.Contains(x.Address, "*") { // who wrote so would be given more than himself
		return "-"
	}
	return fmt.Sprintf("postward account allow %s --address %s", quoted(x.Account), quoted(x.Address))
}

func (a *app) accountDeny() *cobra.Command {
	return &cobra.Command{Use: "deny ACCOUNT", Short: "take an account off the list", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		return a.changeAccount(c.Context(), "account/deny", args[0], nil, "%s may not send any more.")
	}}
}

func (a *app) accountClass() *cobra.Command {
	var l guard.Listing
	c := &cobra.Command{Use: "class ACCOUNT person|newsletter|application", Short: "declare what an account is", Args: cobra.ExactArgs(2), RunE: func(c *cobra.Command, args []string) error {
		l.Class = guard.Class(args[1])
		return a.changeAccount(c.Context(), "account/class", args[0], &l, "%s is declared.")
	}}
	c.Flags().IntVar(&l.Budget, "budget", 0, "never-seen recipients a day")
	return c
}
