package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/domain/check"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
	"postward/internal/wire/dns"
)

// lastRun is what --diff without a file means.
const lastRun = "last run"

// Bounds of what may be asked for.
const (
	minTimeout = 100 * time.Millisecond
	maxTimeout = 5 * time.Minute
	maxJobs    = 64
)

// checkFlags are the flags of postward check.
type checkFlags struct {
	relay      bool
	selectors  []string
	helo       string
	timeout    time.Duration
	resolver   string
	lists      string
	noLists    bool
	registered []string
	noConnect  bool
	html       string
	diff       string
	file       string
	jobs       int
}

func (a *app) checkCommand() *cobra.Command {
	var f checkFlags
	c := &cobra.Command{Use: "check [DOMAIN|ADDRESS…]", Short: "where a domain and its mail servers stand, and what to do first; needs no daemon and no configuration",
		Long: "Look at a domain and the addresses that send its mail as the world sees them, and say what is wrong, why it matters,\n" +
			"and the record or command that ends it. Addresses beside a domain are what sends its mail (left out: its mail\n" +
			"exchangers, as far as its SPF policy lets them); addresses alone are looked at by themselves. Without arguments:\n" +
			"this host's own domain and address.\n" +
			"Exit status 0: nothing worth a look, 1: a warning or a fault (with --diff: something is worse than\n" +
			"before), 2: nothing could be learned.\n" +
			"A key for a blocklist is read from the environment or from /etc/postward/keys: POSTWARD_KEY_SPAMHAUS, POSTWARD_KEY_ABUSIX.",
		Example: "  postward check\n  postward check example.org\n  postward check example.org 192.0.2.25 --selector mail\n" +
			"  postward check example.org --html example.html\n  postward check --diff example.org    # what is new since the last time\n" +
			"  postward check --file domains.txt > domains.csv",
		RunE: func(c *cobra.Command, args []string) error { return a.check(c.Context(), &f, args) }}
	flags := c.Flags()
	flags.BoolVar(&f.relay, "relay-test", false, "the servers are yours: try whether they relay for strangers, obey what is said in the clear behind STARTTLS, and take\na wrong end of a message (one that does delivers up to six short mails to postmaster@DOMAIN, for each of its addresses)")
	flags.StringArrayVar(&f.selectors, "selector", nil, "a DKIM `selector` of the domain; may be repeated (default: the well-known ones)")
	flags.StringVar(&f.helo, "helo", "", "the `name` that the servers say in HELO; without it HELO is not looked at (without arguments: what this host says)")
	flags.DurationVar(&f.timeout, "timeout", check.DefaultTimeout, "the longest that one check may take")
	flags.StringVar(&f.resolver, "resolver", "", "ask this name server, an `address` or address:port (default: those of /etc/resolv.conf)")
	flags.StringVar(&f.lists, "lists-dir", config.ListsDir, "a `directory` with blocklists of your own (*.yaml); it need not exist")
	flags.StringArrayVar(&f.registered, "registered", nil, "a blocklist by its `name` that knows your resolver's address; may be repeated (also: watch.registered in postward.toml)")
	flags.BoolVar(&f.noLists, "no-lists", false, "do not ask blocklists; with --file they never are, for most have a limit a day")
	flags.BoolVar(&f.noConnect, "no-connect", false, "do not connect to the mail exchangers; with --file they never are")
	flags.StringVar(&f.html, "html", "", "write the report as a page to this `file`")
	flags.StringVar(&f.diff, "diff", "", "say what is new, gone or changed since the last run with --diff, or with --diff=`FILE` since that one (made by --json)")
	flags.Lookup("diff").NoOptDefVal = lastRun
	flags.StringVar(&f.file, "file", "", "check every domain of a `file`, one a line (- is standard input), and print CSV; with --json a report a line")
	flags.IntVar(&f.jobs, "jobs", 8, "with --file: how many at the same time, 1 to 64")
	return c
}

// check reads what is to be looked at, and looks.
func (a *app) check(ctx context.Context, f *checkFlags, args []string) error {
	if err := f.agree(args); err != nil {
		return err
	}
	c, err := a.checkConfig(f)
	if err != nil {
		return err
	}
	if f.file != "" {
		return a.checkFile(ctx, c, f)
	}
	targets, err := f.targets(args)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		own, err := ownTarget(ctx, c.Resolver, f)
		if err != nil {
			return err
		}
		targets = []check.Target{own}
	}
	if f.html != "" && len(targets) > 1 {
		return &ctl.Problem{What: "--html writes one page", Hint: "name one domain"}
	}
	var ended error
	for i := range targets {
		if err := a.checkOne(ctx, c, f, targets[i]); ended == nil || err != nil && !errors.Is(err, errFound) {
			ended = err
		}
	}
	return ended
}

// agree checks what no flag can check alone.
func (f *checkFlags) agree(args []string) error {
	bulk := f.file != ""
	switch {
	case f.timeout < minTimeout || f.timeout > maxTimeout:
		return &ctl.Problem{What: fmt.Sprintf("--timeout %v is out of range", f.timeout), Hint: "100ms to 5m"}
	case f.jobs < 1 || f.jobs > maxJobs:
		return &ctl.Problem{What: fmt.Sprintf("--jobs %d is out of range", f.jobs), Hint: "1 to 64"}
	case bulk && len(args) > 0:
		return &ctl.Problem{What: "--file and a domain were both given", Hint: "one of them"}
	case bulk && (f.html != "" || f.diff != "" || f.helo != ""):
		return &ctl.Problem{What: "--html, --diff and --helo are about one domain, --file is about many", Hint: "leave one out"}
	case bulk && f.relay:
		return &ctl.Problem{What: "--relay-test is only for servers that are yours", Hint: "name them one by one"}
	}
	return nil
}

// checkConfig makes what a check looks with.
func (a *app) checkConfig(f *checkFlags) (check.Config, error) {
	client, unchecked, err := f.clients()
	if err != nil {
		return check.Config{}, err
	}
	set, checker, err := a.openLists(client, f.lists, f.registered)
	if err != nil {
		return check.Config{}, err
	}
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	c := check.Config{Resolver: client, Unchecked: unchecked, Servers: client.Servers(), Doubted: !client.Trusted(), Connect: !f.noConnect && f.file == "", Name: name, Timeout: f.timeout}
	if !f.noLists && f.file == "" {
		c.Lists, c.Checker = set, checker
	}
	return c, nil
}

// clients ask the servers of --resolver or of resolv.conf; the second one takes answers whose signatures do not verify
// too. A question that got lost is asked again before the time is over.
func (f *checkFlags) clients() (checked, unchecked *dns.Client, err error) {
	var servers []netip.AddrPort
	if f.resolver != "" {
		server, err := parseServer(f.resolver)
		if err != nil {
			return nil, nil, err
		}
		servers = append(servers, server)
	}
	c, err := dns.HostConfig(servers...)
	if err != nil {
		return nil, nil, err
	}
	c.Timeout = max(time.Second, min(c.Timeout, f.timeout/2))
	if checked, err = dns.New(c); err != nil {
		return nil, nil, err
	}
	c.Unchecked = true
	unchecked, err = dns.New(c)
	return checked, unchecked, err
}

func parseServer(text string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a, 53), nil
	}
	s, err := netip.ParseAddrPort(text)
	if err != nil || s.Port() == 0 {
		return s, &ctl.Problem{What: fmt.Sprintf("--resolver %q is no address", text), Hint: "192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53"}
	}
	return s, nil
}

// checkOne looks at one target and tells what it found, in the way that was asked for.
func (a *app) checkOne(ctx context.Context, c check.Config, f *checkFlags, t check.Target) error {
	c.Now = time.Now()
	live := a.newLive(&t)
	report := check.Run(ctx, c, t, live.found)
	live.done()
	diff, err := f.compare(&report)
	if err != nil {
		return err
	}
	if f.html != "" {
		if err := writePage(f.html, report.HTML); err != nil {
			return err
		}
	}
	if err := a.showCheck(&report, diff); err != nil {
		return err
	}
	if f.html != "" && a.out.person && !a.json {
		a.out.line("The page is %s", printable(f.html))
	}
	return ending(&report, diff)
}

// ending is the exit status of a report. A check that learned nothing did not run: silence must not look like health.
func ending(r *check.Report, d *since) error {
	switch {
	case !r.Learned():
		return &ctl.Problem{What: fmt.Sprintf("check %s: nobody answered, so nothing is known", r.Target), Hint: "postward check --resolver ADDRESS, or a longer --timeout"}
	case d != nil && !d.first && d.Worse(), (d == nil || d.first) && r.Grade.Worth():
		return errFound
	}
	return nil
}
