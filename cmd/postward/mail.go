package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/config"
	"postward/internal/ctl"
	"postward/internal/delivery"
	"postward/internal/guard"
	"postward/internal/investigate"
	"postward/internal/maillog"
	"postward/internal/oldlog"
)

// maxFound bounds the mails that are listed.
const maxFound = 500

func (a *app) mailCommand() *cobra.Command {
	c := &cobra.Command{Use: "mail", Short: "where is my mail? reads the mail log, needs no daemon"}
	var logs []string
	find := &cobra.Command{Use: "find KEY", Short: "list mails by queue ID, Message-ID, account, sender or recipient", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.mailFind(c.Context(), args[0], logs) }}
	trace := &cobra.Command{Use: "trace KEY", Short: "show what became of a mail, recipient by recipient", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.mailTrace(c.Context(), args[0], logs) }}
	for _, sub := range []*cobra.Command{find, trace} {
		sub.Flags().StringSliceVar(&logs, "log", nil, "files or directories to read (default: the configured log and what was rotated from it)")
	}
	c.AddCommand(find, trace)
	return c
}

// logPaths are the logs to read: as told, or the configured one with what was rotated from it.
func (a *app) logPaths(told []string) []string {
	if len(told) > 0 {
		return told
	}
	path := config.Default().Postfix.LogFile
	if c, err := config.Load(a.config); err == nil {
		path = c.Postfix.LogFile
	}
	if _, is := oldlog.Journal(path); is {
		return []string{path}
	}
	rotated, err := filepath.Glob(path + "[.-]*")
	if err != nil {
		rotated = nil
	}
	return append(rotated, path)
}

// eachMail follows every mail of some logs.
func (a *app) eachMail(ctx context.Context, logs []string, out func(*delivery.Mail)) error {
	files, err := oldlog.Find(a.logPaths(logs)...)
	if err != nil {
		return err
	}
	t := delivery.New(out)
	var l maillog.Line
	var last time.Time
	p := newProgress(files)
	defer p.done()
	for i := range files {
		f := &files[i]
		err := f.Lines(ctx, p.read, func(line []byte) error {
			p.lines++
			if maillog.Parse(line, &l) && delivery.Concerns(&l) {
				last = l.Stamp.Next(last, f.Changed)
				t.Line(&l, last)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	t.Flush()
	return nil
}

func (a *app) found(ctx context.Context, key string, logs []string) ([]*delivery.Mail, error) {
	mails := []*delivery.Mail{}
	err := a.eachMail(ctx, logs, func(m *delivery.Mail) {
		if m.Is(key) && len(mails) < maxFound {
			mails = append(mails, m)
		}
	})
	if err == nil && len(mails) == 0 {
		err = &ctl.Problem{What: fmt.Sprintf("the log says nothing of %q", key), Hint: "postward mail find a@b.example --log /var/log   (older logs too)"}
	}
	return mails, err
}

func (a *app) mailFind(ctx context.Context, key string, logs []string) error {
	mails, err := a.found(ctx, key, logs)
	if err != nil || a.json {
		return a.orJSON(err, mails)
	}
	var rows [][]string
	for _, m := range mails {
		to := ""
		if len(m.Deliveries) > 0 {
			to = m.Deliveries[0].To + more(len(m.Deliveries)+m.More-1)
		}
		rows = append(rows, []string{m.IDs[0], stamp(m.Arrived), m.Account, m.From, to, m.Outcome()})
	}
	return a.out.table([]string{"queue id", "arrived", "account", "from", "to", "outcome"}, rows)
}

func (a *app) mailTrace(ctx context.Context, key string, logs []string) error {
	mails, err := a.found(ctx, key, logs)
	if err != nil || a.json {
		return a.orJSON(err, mails)
	}
	for i, m := range mails[max(len(mails)-3, 0):] { // the last ones: a screen
		if i > 0 {
			a.out.line("")
		}
		a.printMail(m)
	}
	if n := len(mails) - 3; n > 0 {
		a.out.line("\n%s before these: postward mail find %s", guard.Count(n, "mail"), printable(key))
	}
	return nil
}

func (a *app) printMail(m *delivery.Mail) {
	o := a.out
	o.line("%s: %s", strings.Join(m.IDs, ", "), m.Outcome())
	who := "a stranger"
	if m.Account != "" {
		who = "account " + m.Account
	}
	from := ""
	if m.Client.IsValid() {
		from = " at " + m.Client.String()
	}
	o.line("  from <%s>, by %s%s", printable(m.From), printable(who), from)
	o.line("  arrived %s%s", stamp(m.Arrived), messageID(m))
	for i := range m.Deliveries[:min(len(m.Deliveries), 20)] {
		d := &m.Deliveries[i]
		orig := ""
		if d.OrigTo != "" {
			orig = " (for " + d.OrigTo + ")"
		}
		o.line("  %-9s %s%s, %s, after %s s by %s", d.Outcome, printable(d.To), printable(orig), guard.Count(d.Attempts, "attempt"), printable(d.Delay), printable(d.Relay))
		o.line("            %s %s", printable(d.DSN), oneLine(d.Reply))
	}
	if n := len(m.Deliveries) + m.More - 20; n > 0 {
		o.line("  and %s more: --json", guard.Count(n, "recipient"))
	}
	if !m.Ended.IsZero() {
		o.line("  out of the queue %s", stamp(m.Ended))
	}
}

func messageID(m *delivery.Mail) string {
	if m.MessageID == "" {
		return ""
	}
	return ", Message-ID " + printable(m.MessageID)
}

// sample finds the mail that somebody complains about, and what else its account sent.
func (a *app) sample(ctx context.Context, path string, logs []string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the sample: %w", err)
	}
	defer f.Close()
	keys, err := investigate.Keys(f)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return &ctl.Problem{What: path + " names no Message-ID and no queue ID", Hint: "save the whole mail with its header section"}
	}
	families, err := a.families(ctx, keys, logs)
	if err != nil {
		return err
	}
	if len(families) == 0 {
		return &ctl.Problem{What: "no mail of these logs is the one in " + path, Hint: "older logs, or it only looks as if it came from here: look at its last Received lines"}
	}
	if a.json {
		return a.out.json(families)
	}
	for _, b := range families {
		a.printMail(b.Mail)
		a.out.line("  within a day the account sent %s to %s, %d of them from that address, %s to %s", guard.Count(b.Mails, "mail"), guard.Count(b.Recipients, "recipient"),
			b.SameClient, stamp(b.First), stamp(b.Last))
	}
	return nil
}

// families finds the mails that keys name, and in a second reading their brothers: the log may be longer than the memory.
func (a *app) families(ctx context.Context, keys, logs []string) ([]*investigate.Brothers, error) {
	var families []*investigate.Brothers
	err := a.eachMail(ctx, logs, func(m *delivery.Mail) {
		if slices.ContainsFunc(keys, m.Is) && len(families) < maxFound {
			families = append(families, investigate.NewBrothers(m))
		}
	})
	if err != nil || len(families) == 0 {
		return nil, err
	}
	return families, a.eachMail(ctx, logs, func(m *delivery.Mail) {
		for _, b := range families {
			b.Note(m)
		}
	})
}
