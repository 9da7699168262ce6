package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/host/postfix"
	"postward/internal/log/delivery"
	"postward/internal/log/investigate"
	"postward/internal/log/maillog"
	"postward/internal/log/oldlog"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
)

// maxFound bounds the mails that are listed.
const maxFound = 500

// maxRefused bounds those that are only kept because they never had a queue ID.
const maxRefused = 20

func (a *app) mailCommand() *cobra.Command {
	c := &cobra.Command{Use: "mail", Short: "where is my mail? reads the mail log, needs no daemon"}
	var logs []string
	find := &cobra.Command{Use: "find KEY", Short: "list mails by queue ID, Message-ID, account, sender or recipient", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.mailFind(c.Context(), args[0], logs) }}
	trace := &cobra.Command{Use: "trace ID", Short: "show what became of a mail (queue ID, Message-ID, account, sender or recipient)", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.mailTrace(c.Context(), args[0], logs) }}
	for _, sub := range []*cobra.Command{find, trace} {
		sub.Flags().StringSliceVar(&logs, "log", nil, "files or directories to read (default: the configured log and what was rotated from it)")
	}
	c.AddCommand(find, trace)
	return c
}

// logFiles are the logs to read: as told, or the configured one with what was rotated from it.
func (a *app) logFiles(named []string) ([]oldlog.File, error) {
	if len(named) > 0 {
		return oldlog.Find(named...)
	}
	const hint = "name the log: --log /var/log/mail.log, --log /var/log or --log journal"
	c, err := config.Load(a.config)
	if err != nil {
		return nil, &ctl.Problem{What: err.Error(), Hint: hint}
	}
	path := c.Postfix.LogFile
	if _, is := oldlog.Journal(path); is {
		return oldlog.Find(path)
	}
	files, err := oldlog.Rotations(path)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("neither %s is there nor a log that was rotated from it", path)
	}
	if err != nil {
		return nil, &ctl.Problem{What: err.Error(), Hint: hint}
	}
	return files, nil
}

// eachMail follows every mail of some logs, and says what of these could not be read.
func eachMail(ctx context.Context, files []oldlog.File, out func(*delivery.Mail)) (notRead []string, err error) {
	t := delivery.New(out)
	t.OnRefused(out)
	var l maillog.Line
	var last time.Time
	notRead, err = eachLine(ctx, files, func(line []byte, changed time.Time) {
		if maillog.Parse(line, &l) && delivery.Concerns(&l) {
			last = l.Stamp.Next(last, changed)
			t.Line(&l, last)
		}
	})
	if err == nil {
		t.Flush()
	}
	return notRead, err
}

// waitingFor returns the queue IDs of the mails in hold that are for an address: of several recipients the log names one, and the
// queue all. Without a Postfix on this host, or on somebody else's, the log is all there is.
func (a *app) waitingFor(ctx context.Context, address string) map[string]bool {
	if !strings.Contains(address, "@") {
		return nil
	}
	var p postfix.Instance
	if c, err := config.Load(a.config); err == nil {
		p.ConfigDir = c.Postfix.ConfigDir
	}
	ctx, cancel := context.WithTimeout(ctx, queueTime)
	defer cancel()
	ids, err := p.WaitingFor(ctx, func(to string) bool { return delivery.SameAddress(to, address) })
	if err != nil {
		return nil
	}
	waiting := map[string]bool{}
	for _, id := range ids {
		waiting[string(id)] = true
	}
	return waiting
}

// queueTime bounds how long it is waited for the queue.
const queueTime = 10 * time.Second

// found returns the last mails that a key names, with what an account was refused before it was one (or else what strangers were), and
// how many before them are left out.
func (a *app) found(ctx context.Context, key string, logs []string) (mails []*delivery.Mail, left int, err error) {
	files, err := a.logFiles(logs)
	if err != nil {
		return nil, 0, err
	}
	var refused, ours []*delivery.Mail // by a stranger, by an account
	waiting := a.waitingFor(ctx, key)
	notRead, err := eachMail(ctx, files, func(m *delivery.Mail) {
		switch {
		case !m.Is(key) && !(m.InHold && slices.ContainsFunc(m.IDs, func(id string) bool { return waiting[id] })):
			return
		case m.IDs[0] == delivery.NoQueue && m.Account == "":
			refused = append(refused[max(len(refused)-maxRefused+1, 0):], m)
			return
		case m.IDs[0] == delivery.NoQueue:
			ours = append(ours[max(len(ours)-maxRefused+1, 0):], m)
			return
		}
		if len(mails) == maxFound {
			mails, left = mails[1:], left+1
		}
		mails = append(mails, m)
	})
	sayNotRead(notRead)
	if len(mails)+len(ours) == 0 { // else they would bury them: everybody is sent spam
		ours = refused
	}
	mails = append(mails, ours...)
	slices.SortStableFunc(mails, func(x, y *delivery.Mail) int { return x.Arrived.Compare(y.Arrived) })
	if err == nil && len(mails) == 0 {
		err = &ctl.Problem{What: fmt.Sprintf("the log says nothing of %q", key), Hint: "postward mail find a@b.example --log /var/log   (older logs too)"}
	}
	return mails, left, err
}

// sayLeft says what found left out; not among the rows, for a pipe reads those.
func sayLeft(n int) {
	if n > 0 {
		fmt.Fprintf(os.Stderr, "postward: left out %s before these; a Message-ID or queue ID names one\n", guard.Count(n, "mail"))
	}
}

func (a *app) mailFind(ctx context.Context, key string, logs []string) error {
	mails, left, err := a.found(ctx, key, logs)
	sayLeft(left)
	if err != nil || a.json {
		return a.orJSON(err, mails)
	}
	var rows [][]string
	for _, m := range mails {
		to := ""
		if len(m.Deliveries) > 0 {
			to = m.Deliveries[0].To + more(len(m.Deliveries)+m.More-1)
		} else if len(m.Named) > 0 {
			to = m.Named[0] + more(max(int(m.Count), len(m.Named))-1)
		}
		rows = append(rows, []string{m.IDs[0], stamp(m.Arrived), m.Account, m.From, to, m.Outcome()})
	}
	return a.out.table([]string{"queue id", "arrived", "account", "from", "to", "outcome"}, rows)
}

func (a *app) mailTrace(ctx context.Context, key string, logs []string) error {
	mails, left, err := a.found(ctx, key, logs)
	if err == nil && !a.json {
		mails, left = mails[max(len(mails)-3, 0):], left+max(len(mails)-3, 0) // the last ones: a screen
	}
	all := a.proved(mails)
	if err != nil || a.json {
		sayLeft(left)
		return a.orJSON(err, all)
	}
	for i, m := range all {
		if i > 0 {
			a.out.line("")
		}
		a.printMail(m)
	}
	if left > 0 {
		a.out.line("\n%s before these: postward mail find %s", guard.Count(left, "mail"), printable(key))
	}
	return nil
}

func (a *app) printMail(m traced) {
	o := a.out
	o.line("%s: %s", strings.Join(m.IDs, ", "), m.Outcome())
	from := "from <" + printable(m.From) + ">, "
	if m.From == "" && m.Count == 0 && m.NoticeOf == "" { // the log does not tell
		from = ""
	}
	o.line("  %s%s", from, printable(by(m.Mail)))
	o.line("  arrived %s%s", stamp(m.Arrived), messageID(m.Mail))
	a.printProofs(m.Proofs)
	if m.Why != "" {
		o.line("  %s", oneLine(m.Why))
	}
	switch {
	case len(m.Deliveries) > 0:
	case len(m.Named) > 0:
		o.line("  to %s%s", printable(strings.Join(m.Named, ", ")), more(int(m.Count)-len(m.Named)))
	case m.Count > 0:
		o.line("  to %s", guard.Count(int(m.Count), "recipient"))
	}
	for i := range m.Deliveries[:min(len(m.Deliveries), 20)] {
		a.printDelivery(&m.Deliveries[i])
	}
	if n := len(m.Deliveries) + m.More - 20; n > 0 {
		o.line("  and %s: --json", guard.Count(n, "more recipient"))
	}
	for _, r := range m.Refused {
		o.line("  refused   %s, before the mail was taken", printable(r.To))
		o.line("            %s", oneLine(r.Why))
	}
	if !m.Ended.IsZero() {
		o.line("  out of the queue %s", stamp(m.Ended))
	}
	if m.InHold {
		id := printable(m.IDs[len(m.IDs)-1])
		o.line("  Next: postward held show %s (if postward holds it), or postcat -q %s", id, id)
	}
}

func (a *app) printDelivery(d *delivery.Delivery) {
	orig, relay := "", ""
	if d.OrigTo != "" {
		orig = " (for " + d.OrigTo + ")"
	}
	if d.Relay != "" && d.Relay != "none" { // nobody was reached
		relay = " by " + d.Relay
	}
	copies := ""
	if d.Copies > 1 {
		copies = guard.Count(d.Copies, "copy") + ", "
	}
	a.out.line("  %-9s %s%s, %s%s, after %s s%s", d.Outcome, printable(d.To), printable(orig), copies, guard.Count(d.Attempts, "attempt"), printable(d.Delay), printable(relay))
	a.out.line("            %s %s", printable(d.DSN), oneLine(d.Reply))
}

// by says who handed a mail in. The null reverse-path without a client is this server's own, if no line is missing.
func by(m *delivery.Mail) string {
	who := "by a stranger"
	switch {
	case m.NoticeOf != "":
		return "a notice of this server about " + m.NoticeOf
	case m.Account != "":
		who = "by account " + m.Account
	case m.Client.IsValid():
	case m.From == "" && m.Begun:
		return "a notice of this server"
	default:
		return "by whom the log does not say"
	}
	if m.Client.IsValid() {
		who += " at " + m.Client.String()
	}
	return who
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
	files, err := oldlog.Find(logs...)
	if err != nil {
		return err
	}
	families, err := families(ctx, keys, files)
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
		a.printMail(traced{Mail: b.Mail})
		a.out.line("  within a day the account sent %s to %s, %d of them from that address, %s to %s", guard.Count(b.Mails, "mail"), guard.Count(b.Recipients, "recipient"),
			b.SameClient, stamp(b.First), stamp(b.Last))
	}
	return nil
}

// families finds the mails that keys name, and in a second reading their brothers: the log may be longer than the memory.
func families(ctx context.Context, keys []string, files []oldlog.File) ([]*investigate.Brothers, error) {
	var families []*investigate.Brothers
	notRead, err := eachMail(ctx, files, func(m *delivery.Mail) {
		if slices.ContainsFunc(keys, m.Is) && len(families) < maxFound {
			families = append(families, investigate.NewBrothers(m))
		}
	})
	sayNotRead(notRead)
	if err != nil || len(families) == 0 {
		return nil, err
	}
	_, err = eachMail(ctx, files, func(m *delivery.Mail) { // what cannot be read was said already
		for _, b := range families {
			b.Note(m)
		}
	})
	return families, err
}
