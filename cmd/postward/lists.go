package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"postward/internal/lists/dnsbl"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
)

func (a *app) listsCommand() *cobra.Command {
	c := &cobra.Command{Use: "lists", Short: "blocklists and allow lists: what they are, and how one leaves them"}
	var dir string
	c.PersistentFlags().StringVar(&dir, "dir", config.ListsDir, "a directory with lists of your own (*.yaml); it need not exist")
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "every list that is known, dead ones too", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return a.listLists(dir) }},
		&cobra.Command{Use: "show NAME", Short: "what a list is, who uses it, what gets one listed, how one leaves it", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error { return a.showList(dir, args[0]) }})
	return c
}

func (a *app) listLists(dir string) error {
	set, err := dnsbl.Load(dir)
	if err != nil {
		return err
	}
	if a.json {
		return a.out.json(set.All())
	}
	var rows [][]string
	for _, l := range set.All() {
		zone := ""
		if len(l.Zones) > 0 {
			zone = l.Zones[0]
		}
		rows = append(rows, []string{l.Name, string(l.Role), string(l.Status.State), zone, l.Title})
	}
	return a.out.table([]string{"name", "role", "state", "zone", "title"}, rows)
}

func (a *app) showList(dir, name string) error {
	set, err := dnsbl.Load(dir)
	if err != nil {
		return err
	}
	l := set.ByName(strings.ToLower(name))
	if l == nil {
		l = set.ByZone(strings.ToLower(name))
	}
	if l == nil {
		return &ctl.Problem{What: fmt.Sprintf("no list is called %q", name), Hint: "postward lists list"}
	}
	if a.json {
		return a.out.json(l)
	}
	a.out.line("%s", printable(l.Line()))
	for _, f := range l.Facts() {
		a.out.line("  %-14s %s", printable(f.Label), oneLine(f.Text))
	}
	return nil
}
