package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/lists/dnsbl"
	"postward/internal/lists/reply"
	"postward/internal/run/config"
	"postward/internal/run/notify"
	"postward/internal/wire/dns"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "check and show the configuration"}
	c.AddCommand(
		&cobra.Command{Use: "check", Short: "say everything that is wrong with it", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
			c, _, err := a.loadAll()
			if err == nil {
				err = a.checkLists(c)
			}
			if err == nil {
				_, err = reply.Load(config.RepliesDir)
			}
			if err != nil {
				return err
			}
			if _, err := os.Stat(a.config); errors.Is(err, fs.ErrNotExist) {
				a.out.line("there is no %s: the defaults are in force; postward config example shows every key", a.config)
				return nil
			}
			a.out.line("%s is good", a.config)
			if len(c.AuthPolicy.Lists) > 0 && c.AuthPolicy.Listen == "" {
				a.out.line("authpolicy.lists asks nobody as long as Dovecot does not ask postward: set authpolicy.listen too, then postward attach --dovecot")
			}
			return nil
		}},
		&cobra.Command{Use: "show", Short: "show what differs from the defaults", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
			c, err := config.Load(a.config)
			if err != nil {
				return err
			}
			return a.showConfig(c)
		}},
		&cobra.Command{Use: "example", Short: "print a file with every key, its default and what it is for", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
			a.out.line("%s", strings.TrimSuffix(config.Example(), "\n"))
			return nil
		}},
	)
	return c
}

// checkLists looks at the names of blocklists, which the configuration does not know: one that is not asked keeps nobody out, in silence.
func (a *app) checkLists(c *config.Config) error {
	if len(c.AuthPolicy.Lists)+len(c.Watch.Registered) == 0 {
		return nil
	}
	client, err := dns.HostClient()
	if err != nil {
		return err
	}
	secrets, err := config.Secrets(config.KeysFile)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("look whether the lists are asked: %w: run as root, or add yourself to the group of the file", err)
	}
	if err != nil {
		return err
	}
	set, checker, err := dnsbl.Open(client, config.ListsDir, secrets, c.Watch.Registered)
	if err != nil {
		return err
	}
	return a.wrongIn(checker, set, c.AuthPolicy.Lists)
}

// wrongIn says everything that is wrong with the names of authpolicy.lists.
func (a *app) wrongIn(checker *dnsbl.Checker, set *dnsbl.Set, names []string) error {
	var all config.Errors
	_, wrong := checker.ForLogins(set, names)
	for _, text := range wrong {
		all = append(all, config.Error{File: a.config, Text: "authpolicy.lists: " + text})
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func (a *app) showConfig(c *config.Config) error {
	changes := c.Diff()
	if a.json {
		return a.out.json(changes)
	}
	if len(changes) == 0 {
		a.out.line("everything is as by default; postward config example shows every key")
		return nil
	}
	rows := make([][]string, 0, len(changes))
	for _, d := range changes {
		rows = append(rows, []string{d.Key, d.Value, d.Default})
	}
	return a.out.table([]string{"key", "value", "default"}, rows)
}

// loadAll reads the configuration and checks its channels too.
func (a *app) loadAll() (*config.Config, *notify.Notifier, error) {
	c, err := config.Load(a.config)
	if err != nil {
		return nil, nil, err
	}
	n, err := notify.New(notify.Channels(c.Notify))
	return c, n, err
}

func (a *app) notifyCommand() *cobra.Command {
	c := &cobra.Command{Use: "notify", Short: "how incidents are told"}
	c.AddCommand(&cobra.Command{Use: "test", Short: "send a test message on every channel", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.notifyTest(c.Context()) }})
	return c
}

func (a *app) notifyTest(ctx context.Context) error {
	c, n, err := a.loadAll()
	if err != nil {
		return err
	}
	if len(n.Channels()) == 0 {
		return fmt.Errorf("no channel is configured: set notify.urls or notify.command in %s", a.config)
	}
	failed := false
	for _, r := range n.Send(ctx, notify.Alert{
		Stage: "test", Node: c.Node, Title: c.Node + ": a test message of postward", Text: "Alerts will arrive here.", At: time.Now(),
	}) {
		said := a.out.paint(calm, "sent")
		if r.Err != nil {
			failed = true
			said = a.out.paint(alarm, "failed") + ": " + printable(r.Err.Error())
		}
		a.out.line("%s  %s", r.Channel, said)
	}
	if failed {
		return errFound
	}
	return nil
}
