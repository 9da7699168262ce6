package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/log/investigate"
	"postward/internal/log/oldlog"
	"postward/internal/run/ctl"
)

func (a *app) investigateCommand() *cobra.Command {
	var html, account, since, sample string
	var journal bool
	c := &cobra.Command{Use: "investigate PATH…", Short: "what happened here? reads mail logs, needs no daemon and no configuration",
		Long: "Read mail logs (files, directories, packed or not, - for standard input) and say who sent how much and from where,\n" +
			"which accounts stand out and why, who guesses passwords, what the receivers said, and what postward would have held,\n" +
			"at which mail. The lines are taken in the order of their times, in whatever order the files are. Of a container:\n" +
			"docker logs NAME | postward investigate -, or docker compose logs --no-log-prefix.\n" +
			"Exit status 1: an account stands out, or a client relays without one; 2: none does, and something could not be\n" +
			"read or was mostly not understood, or nothing of it is about mail.",
		Example: "  postward investigate /var/log\n  postward investigate --html what-happened.html /var/log/mail.log*\n  postward investigate --journal --since 168h",
		RunE: func(c *cobra.Command, args []string) error {
			if journal {
				args = append(args, "journal")
			}
			if len(args) == 0 {
				return &ctl.Problem{What: "no log was named", Hint: "postward investigate /var/log, or --journal"}
			}
			if sample != "" {
				if err := sampleAlone(c, args); err != nil {
					return err
				}
				return a.sample(c.Context(), sample, args)
			}
			o := investigate.Options{Now: time.Now(), Account: account, Where: investigate.Where(whereIs())}
			if err := parseSince(since, &o); err != nil {
				return err
			}
			i := investigate.New(o)
			notRead, err := readLogs(c.Context(), i, args, o.Since)
			if err != nil {
				return err
			}
			r := i.Finish()
			r.NotRead = notRead
			if err := nothing(r, since, account); err != nil {
				return err
			}
			return a.report(r, html)
		}}
	c.Flags().StringVar(&html, "html", "", "write the report as a page to this file")
	c.Flags().StringVar(&account, "account", "", "only the mail of this account")
	c.Flags().StringVar(&since, "since", "", "only what happened since: 48h, 2026-11-20, 2026-11-20T10:00:00+01:00")
	c.Flags().StringVar(&sample, "sample", "", "a spam sample or complaint: find its mail, its account, and what else that sent")
	c.Flags().BoolVar(&journal, "journal", false, "read this machine's journal too (journalctl)")
	return c
}

// nothing says that what was asked for is not in the logs: no news would look like good news.
func nothing(r *investigate.Report, since, account string) error {
	switch {
	case len(r.NotRead) > 0 || r.Ours == 0: // said otherwise
	case since != "" && r.First.IsZero():
		return &ctl.Problem{What: "nothing in these logs is newer than --since " + since, Hint: "leave --since out, or name newer logs"}
	case account != "" && len(r.Accounts) == 0:
		return &ctl.Problem{What: fmt.Sprintf("there is no mail of %q in these logs", account), Hint: "leave --account out: the accounts are named then"}
	}
	return nil
}

// sampleAlone says what does not go together with --sample.
func sampleAlone(c *cobra.Command, paths []string) error {
	for _, flag := range []string{"html", "since", "account"} {
		if c.Flags().Changed(flag) {
			return &ctl.Problem{What: "--sample and --" + flag + " do not go together", Hint: "postward investigate --sample FILE PATH… first, then the account that it names: postward investigate --account NAME PATH…"}
		}
	}
	if slices.Contains(paths, "-") {
		return &ctl.Problem{What: "--sample reads the logs twice, and standard input can be read once", Hint: "write it to a file, and name that"}
	}
	return nil
}

func parseSince(text string, o *investigate.Options) error {
	if text == "" {
		return nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		o.Since = o.Now.Add(-d)
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			o.Since = t
			return nil
		}
	}
	return &ctl.Problem{What: fmt.Sprintf("--since %q is no time", text), Hint: "48h, or 2026-11-20, or 2026-11-20T10:00:00+01:00"}
}

// known is how much of a journal before --since is read, for what is usual.
const known = 60 * 24 * time.Hour

// readLogs reads what paths name, and says what of it could not be read.
func readLogs(ctx context.Context, i *investigate.Investigation, paths []string, since time.Time) (notRead []string, err error) {
	files, err := oldlog.Find(paths...)
	if err != nil {
		return nil, err
	}
	for k := range files {
		if !since.IsZero() {
			files[k].Since = since.Add(-known)
		}
	}
	return eachLine(ctx, files, i.Line)
}

func (a *app) report(r *investigate.Report, html string) error {
	if html != "" {
		if err := writePage(html, r.HTML); err != nil {
			return err
		}
	}
	if a.json {
		if err := a.out.json(r); err != nil {
			return err
		}
	} else {
		a.printReport(r)
		if html != "" {
			a.out.line("\nThe page is %s", printable(html))
		}
	}
	return verdict(r)
}

// verdict is the exit status: silence is only good news when everything was read.
func verdict(r *investigate.Report) error {
	switch {
	case len(r.StandsOut()) > 0 || len(r.Relays) > 0:
		return errFound
	case len(r.NotRead) > 0:
		return &ctl.Problem{What: guard.Count(len(r.NotRead), "log") + " could not be read, or not to the end", Hint: "as root; what is damaged can be left out, by naming the others"}
	case r.Strange > 0:
		return &ctl.Problem{What: fmt.Sprintf("%s of mail programs could not be read: this log has a form that postward does not know", guard.Count(int(r.Strange), "line")), Hint: otherForm(r)}
	case r.Blind():
		return &ctl.Problem{What: fmt.Sprintf("%s of mail programs were not understood, and %d were", guard.Count(int(r.NotUnderstood()), "line"), r.Ours), Hint: "postward investigate --json names the programs; a newer postward may know their words"}
	case r.Ours == 0:
		return &ctl.Problem{What: "nothing here is about mail", Hint: "name the log that Postfix writes (postconf maillog_file), or --journal"}
	}
	return nil
}

// otherForm says how to get a log in a form that is read.
func otherForm(r *investigate.Report) string {
	first := ""
	if len(r.Forms) > 0 {
		first = r.Forms[0].Header
	}
	switch {
	case strings.Contains(first, "| "):
		return "docker compose logs --no-log-prefix"
	case strings.HasPrefix(first, "{"):
		return "the lines without the JSON around them: docker logs CONTAINER, journalctl -o short-iso, or jq -r .log"
	}
	return "the log as rsyslog writes it (RSYSLOG_FileFormat or RSYSLOG_TraditionalFileFormat), Postfix's own (postconf maillog_file), or --journal"
}

// sayUnread says which lines of mail programs mean nothing here.
func (a *app) sayUnread(r *investigate.Report) {
	if r.Strange == 0 {
		return
	}
	a.out.line("%s", a.out.paint(alarm, fmt.Sprintf("%s of mail programs could not be read, for what stands before the program's name:", guard.Count(int(r.Strange), "line"))))
	for _, f := range r.Forms[:a.out.most(6, len(r.Forms))] {
		a.out.line("  %6d like  %s…", f.Lines, oneLine(f.Header))
	}
}

// printHead says what was read and whether somebody stands out, and whether there is more to say.
func (a *app) printHead(r *investigate.Report, out int) bool {
	o := a.out
	if len(r.NotRead) > 0 {
		o.line("%s", o.paint(alarm, "Not everything could be read:"))
	}
	for _, why := range r.NotRead {
		o.line("  %s", oneLine(why))
	}
	a.sayUnread(r)
	if r.Ours == 0 {
		what := "is Postfix's or Dovecot's"
		if r.NotUnderstood() > 0 {
			what = "was understood"
		}
		o.line("%s read, and nothing there %s.", guard.Count(int(r.Lines), "line"), what)
		return false
	}
	o.line("%s to %s: %s, %d of them about mail, %s", stamp(r.First), stamp(r.Last), guard.Count(int(r.Lines), "line"), r.Ours, guard.Count(int(r.Mails), "mail"))
	switch {
	case out == 0 && r.Blind():
		o.line("%s", o.paint(alarm, fmt.Sprintf("The greater part was not understood (%s): whether an account stands out is not known.", guard.Count(int(r.NotUnderstood()), "line"))))
	case out == 0 && len(r.NotRead)+int(r.Strange) > 0:
		o.line("%s", o.paint(watch, "No account stands out in what was read."))
	case out == 0 && len(r.Relays) > 0:
		o.line("%s", o.paint(watch, "No account stands out, but mail left without one:"))
	case out == 0 && len(r.Broken()) > 0:
		o.line("%s", o.paint(watch, "No account stands out by what it sent."))
	case out == 0:
		o.line("%s", o.paint(calm, "No account stands out: postward would have stopped none, and held little."))
	}
	return true
}

// printOutbreak is what an account that stands out did, and what would have become of it.
func (a *app) printOutbreak(x *investigate.Account) {
	o := a.out
	o.line("")
	o.line("%s sent %s to %s, %d of them in its busiest hour", o.paint(alarm, printable(x.Name)), guard.Count(x.Mails, "mail"), guard.Count(x.Recipients, "recipient"), x.Busiest)
	s := x.Stopped
	o.line("  postward would have stopped it at mail %d, on %s", s.Mail, stamp(s.At))
	o.line("  because %s", printable(s.Why))
	if s.Mail > 1 {
		o.line("  the %s before might have left, two minutes later", guard.Count(s.Mail-1, "mail"))
	}
	if !s.Contained.IsZero() {
		o.line("  the account would have been stopped on %s; %s held, %d refused, the last on %s", stamp(s.Contained), guard.Count(s.Held, "mail"), s.Refused, stamp(s.Last))
	} else {
		o.line("  %s would have waited for a person, the last on %s", guard.Count(s.Held, "mail"), stamp(s.Last))
	}
	if s.Passed > 0 {
		o.line("  meanwhile mail to %s would have left", guard.Count(s.Passed, "recipient"))
	}
	sources := x.Outbreak()
	for _, f := range sources[:o.most(8, len(sources))] {
		kept := ""
		if f.Kept > 0 {
			kept = fmt.Sprintf(", %d would be kept", f.Kept)
		}
		o.line("  from %-24s %-18s %11s%s, %s to %s", f.Network, investigate.Place(f.ASN, f.Country), guard.Count(f.Mails, "mail"), kept, stamp(f.First), stamp(f.Last))
	}
	if n := len(sources) - o.most(8, len(sources)) + x.MoreSources; n > 0 {
		o.line("  and from %s with fewer", guard.Count(n, "further network"))
	}
	for _, text := range x.Subjects {
		o.line("  subject: %s", printable(text))
	}
}

func (a *app) printReport(r *investigate.Report) {
	o := a.out
	out := r.StandsOut()
	if !a.printHead(r, len(out)) {
		return
	}
	for _, x := range out {
		a.printOutbreak(x)
	}
	a.printRelays(r)
	if len(out) > 0 {
		o.line("\nNext")
		for _, line := range next(r) {
			o.line("  %s", printable(line))
		}
		o.line("  postqueue -p     shows what of their mail still waits")
		o.line("  postward attach   shows how postward would be put on this Postfix, to watch at first")
	}
	a.printBroken(r)
	for _, text := range []string{r.ColdStart(), r.CopiedTo(), r.LeftOut(), r.NotChecked()} {
		if text != "" {
			o.line("\n%s.", printable(text))
		}
	}
	a.printAccounts(r)
	a.printGuessers(r)
	a.printReplies(r)
	for _, program := range slices.Sorted(maps.Keys(r.Unread)) {
		o.line("not understood: %s of %s", guard.Count(int(r.Unread[program]), "line"), printable(program))
	}
}

// maxNext bounds the accounts that are named under Next.
const maxNext = 5

// next says what is to be done about which accounts, the hijacked ones first. Who only writes much is to be asked.
func next(r *investigate.Report) []string {
	names, left := named(r.Hijacked())
	lines := guard.Remedies(names)
	if left > 0 {
		lines = append(lines, fmt.Sprintf("the same for %s that stand out above", guard.Count(left, "more account")))
	}
	busy, left := named(r.Busy())
	switch {
	case len(busy) == 0:
	case len(names) == 0:
		lines = append(lines, "ask whose mail that is, or "+strings.Join(guard.Remedies(busy), "; ")+more(left))
	default:
		lines = append(lines, "ask whose mail that is, which comes from where it always does: "+strings.Join(busy, ", ")+more(left))
	}
	return lines
}

func named(accounts []*investigate.Account) (names []string, left int) {
	for _, x := range accounts[:min(maxNext, len(accounts))] {
		names = append(names, x.Name)
	}
	return names, len(accounts) - len(names)
}

// printRelays says who sent through this server without a login.
func (a *app) printRelays(r *investigate.Report) {
	for _, x := range r.Relays[:a.out.most(6, len(r.Relays))] {
		a.out.line("")
		a.out.line("%s relayed %s to %s without a login, %s to %s", a.out.paint(alarm, x.Client.String()), guard.Count(x.Mails, "mail"), guard.Count(x.Recipients, "recipient"), stamp(x.First), stamp(x.Last))
		a.out.line("  from %s; as far as the log shows, neither that nor the recipients' domains are this server's", printable(strings.Join(x.From, ", ")))
		a.out.line("  Next: is it in mynetworks, and must it be? postconf mynetworks smtpd_relay_restrictions (a container's gateway stands for the whole world)")
	}
}

// printBroken says who may have guessed a password.
func (a *app) printBroken(r *investigate.Report) {
	broken := r.Broken()
	for _, g := range broken[:a.out.most(6, len(broken))] {
		for _, e := range g.Entered {
			a.out.line("%s was refused %s, and then got in as %s on %s", a.out.paint(alarm, g.Client.String()), guard.Count(e.After, "time"), printable(e.Account), stamp(e.At))
		}
	}
}

// most is how many of all rows are shown: a screen's worth for a person, all in a pipe.
func (o *output) most(screen, all int) int {
	if o.person {
		return min(screen, all)
	}
	return all
}

// some is a table of some rows of all.
func (o *output) some(head []string, rows [][]string, all int) {
	if len(rows) == 0 {
		return
	}
	o.line("")
	o.table(head, rows)
	if left := all - len(rows); left > 0 {
		o.line("and %d more; --json has them all", left)
	}
}

func (a *app) printAccounts(r *investigate.Report) {
	var rows [][]string
	for _, x := range r.Accounts[:a.out.most(12, len(r.Accounts))] {
		held, from := "", ""
		if x.Stopped != nil {
			held = fmt.Sprint(x.Lost())
		}
		if len(x.Sources) > 0 {
			from = fmt.Sprintf("%s %s", x.Sources[0].Network, investigate.Place(x.Sources[0].ASN, x.Sources[0].Country))
		}
		rows = append(rows, []string{x.Name, fmt.Sprint(x.Mails), fmt.Sprint(x.Recipients), fmt.Sprint(x.Bounced), held, from})
	}
	a.out.some([]string{"account", "mails", "recipients", "bounced", "would be kept", "mostly from"}, rows, len(r.Accounts))
}

func (a *app) printGuessers(r *investigate.Report) {
	var rows [][]string
	for _, g := range r.Guessers[:a.out.most(6, len(r.Guessers))] {
		var names []string
		for _, t := range g.Tried[:min(3, len(g.Tried))] {
			names = append(names, fmt.Sprintf("%s (%d)", t.Name, t.Failed))
		}
		rows = append(rows, []string{g.Client.String(), investigate.Place(g.ASN, g.Country), fmt.Sprint(g.Failed), strings.Join(names, " "), stamp(g.Last), strings.Join(g.LoggedIn, " ")})
	}
	a.out.some([]string{"guessed from", "place", "failed logins", "as", "last", "and got in as"}, rows, len(r.Guessers))
	a.printKept(r)
}

// printKept says who would have been kept out, and when.
func (a *app) printKept(r *investigate.Report) {
	var rows [][]string
	kept := r.Kept()
	for _, b := range kept[:a.out.most(6, len(kept))] {
		rows = append(rows, []string{network(b.Prefix), stamp(b.Since), b.Why()})
	}
	a.out.some([]string{"would be banned", "on", "why"}, rows, len(kept))
}

// maxWords bounds what is shown of a reply, in letters.
const maxWords = 80

func (a *app) printReplies(r *investigate.Report) {
	refusing := slices.DeleteFunc(slices.Clone(r.Replies), func(x *investigate.Receiver) bool { return x.Refused == 0 && len(r.Relays) == 0 })
	var rows [][]string
	for _, x := range refusing[:a.out.most(6, len(refusing))] {
		rows = append(rows, []string{x.Domain, fmt.Sprint(x.Refused), fmt.Sprint(x.Policy), fmt.Sprint(x.Taken), clip(x.Sample, maxWords)})
	}
	a.out.some([]string{"receiver", "refused", "by policy", "taken", "last words"}, rows, len(refusing))
}

func stamp(t time.Time) string { return when(guard.TimeOf(t)) }
