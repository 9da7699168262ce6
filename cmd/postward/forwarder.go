package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"postward/internal/run/ctl"
)

func (a *app) forwarderCommand() *cobra.Command {
	c := &cobra.Command{Use: "forwarder", Short: "servers that hand mail on to your people"}
	c.AddCommand(&cobra.Command{Use: "list", Short: "list those whose mail is marked or refused for that, and who are not listed in the configuration", Args: cobra.NoArgs,
		Long: "List the servers that handed mail on to your people on three days at least, had mail of others marked or refused for that, and are shown\n" +
			"to bring honest mail too: on three days the own signatures of three authors' domains held, or its ARC seal vouched for the authors. Nothing\n" +
			"goes by it. Who can send you mail can come to stand here: list only whom one of your people knows.",
		RunE: func(c *cobra.Command, _ []string) error { return a.forwarderList(c.Context()) }})
	return c
}

func (a *app) forwarderList(ctx context.Context) error {
	var x ctl.ForwardersAnswer
	if err := a.ask(ctx, "forwarder/list", nil, &x); err != nil || a.json {
		return a.orJSON(err, x)
	}
	var rows [][]string
	for _, f := range x.Forwarders {
		rows = append(rows, []string{f.Domain, f.As, strconv.Itoa(f.Mails), strconv.Itoa(f.Days), strconv.Itoa(f.Proved), strings.Join(f.For, ", "), strings.Join(f.Authors, ", ")})
	}
	if err := a.out.table([]string{"domain", "list as", "marked", "on days", "proved on days", "for", "authors"}, rows); err != nil || len(rows) == 0 {
		return err
	}
	a.sayHowToList(x.Forwarders)
	return nil
}

// sayHowToList prints what to write into the configuration for those that the reader knows.
func (a *app) sayHowToList(all []ctl.Forwarder) {
	a.out.line("")
	a.out.line("Ask those it is for whether they had their mail sent on from there. If so, add it to the list under [authentication] in %s, and reload:", a.config)
	for _, as := range []string{"sealers", "forwarders"} {
		var names []string
		for _, f := range all {
			if f.As == as {
				names = append(names, strconv.Quote(printable(f.Domain)))
			}
		}
		if slices.Sort(names); len(names) > 0 {
			a.out.line("  %s = [%s]", as, strings.Join(names, ", "))
		}
	}
	a.out.line("  systemctl reload postward")
}

// handedOn says in status that there is somebody to list.
func handedOn(n int) string {
	if n == 1 {
		return "1 server that hands mail on is not listed: postward forwarder list"
	}
	return fmt.Sprintf("%d servers that hand mail on are not listed: postward forwarder list", n)
}
