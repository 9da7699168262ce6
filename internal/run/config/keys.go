package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/mail/message"
	"postward/internal/wire/sock"
)

// key is one line of the file.
type key struct {
	name   string
	doc    string
	at     func(*Config) any // a pointer to where its value is kept
	check  func(any) error   // of what at returns, after it was set; nil: nothing more to check
	secret bool
}

// keys is the table of everything that can be configured.
func keys() []key {
	all := []key{
		{name: "node", doc: "The name of this host in alerts (default: its host name).", at: func(c *Config) any { return &c.Node }, check: notEmpty},
		{name: "mode", doc: "shadow: everything is judged and shown, nothing is held or refused. enforce: it is carried out.",
			at: func(c *Config) any { return &c.Mode }, check: mode(false)},
		{name: "user", doc: "Whom the daemon runs as. A small parent stays root to act on Postfix's queue.", at: func(c *Config) any { return &c.User }, check: notEmpty},
		{name: "group", doc: "Whose members may ask and command it (postward status, postward held release, …), besides root.",
			at: func(c *Config) any { return &c.Group }, check: notEmpty},
		{name: "state_dir", doc: "The store: what happened and what was decided.", at: func(c *Config) any { return &c.StateDir }, check: absolute},
		{name: "trash_dir", doc: "Copies of deleted mail, for a week; only root can read them.", at: func(c *Config) any { return &c.TrashDir }, check: absolute},
		{name: "socket", doc: "Where the commands reach the daemon.", at: func(c *Config) any { return &c.Socket }, check: absolute},
		{name: "log.level", doc: "info, or debug: a line for each step of a mail, with addresses and subjects.", at: func(c *Config) any { return &c.LogLevel }, check: logLevel},
	}
	for _, s := range guard.Subjects {
		all = append(all, key{name: "modes." + string(s), doc: modeDoc[s], at: func(c *Config) any { return c.Modes[s] }, check: mode(true)})
	}
	all = append(append(append(all, edgeKeys()...), authenticationKeys()...), dnsKeys()...)
	return append(all, guardKeys()...)
}

var modeDoc = map[guard.Subject]string{
	guard.Accounts:    "A mode of its own for one subject; empty: as mode above.\nWho may send at all.",
	guard.Senders:     "As whom an account may send.",
	guard.Budgets:     "To how many never-seen recipients a day.",
	guard.Cooling:     "The short wait of unusual mail.",
	guard.Score:       "What is unusual, together: the score.",
	guard.Containment: "Stopping an account.",
	guard.Strangers:   "Refusing or holding mail from outside: what on_reject and as_us under [authentication] say.",
}

func edgeKeys() []key {
	return []key{
		{name: "postfix.config_dir", doc: "The Postfix that postward is attached to.", at: func(c *Config) any { return &c.Postfix.ConfigDir }, check: absolute},
		{name: "postfix.log_file", doc: "The log that it writes; \"journal\" when journald keeps it.", at: func(c *Config) any { return &c.Postfix.LogFile }, check: log},
		{name: "milter.inbound", doc: "A socket for each way that mail comes in: \"unix:/path\", or \"\" for off.\n\"inet:127.0.0.1:port\" works too, and lets every user of this host speak as any account.\nsmtpd on port 25.",
			at: func(c *Config) any { return &c.Milter.Inbound }, check: address},
		{name: "milter.submission", doc: "smtpd on 587 and 465: people and programs that log in.", at: func(c *Config) any { return &c.Milter.Submission }, check: address},
		{name: "milter.local", doc: "sendmail(1) on this host.", at: func(c *Config) any { return &c.Milter.Local }, check: address},
		{name: "milter.answer_timeout", doc: "The longest an answer may take; later the sender is asked to try again.",
			at: func(c *Config) any { return &c.Milter.AnswerTimeout }, check: between(time.Second, 5*time.Minute)},
		{name: "milter.max_sessions", doc: "At most so many sessions of Postfix at once.", at: func(c *Config) any { return &c.Milter.MaxSessions }, check: count(1, 100_000)},
		{name: "authpolicy.listen", doc: "Where Dovecot asks about each login, like \"127.0.0.1:4002\"; \"\": nowhere. postward attach --dovecot tells Dovecot to ask.",
			at: func(c *Config) any { return &c.AuthPolicy.Listen }, check: loopback},
		{name: "authpolicy.key_file", doc: "What Dovecot shows when it asks; postward attach --dovecot makes it. Whoever can read it can report logins that never were.",
			at: func(c *Config) any { return &c.AuthPolicy.KeyFile }, check: absolute},
		{name: "authpolicy.dovecot", doc: "Dovecot's configuration file, if it is not where its tools look; postward ends the sessions of a stopped account there.",
			at: func(c *Config) any { return &c.AuthPolicy.Dovecot }, check: absoluteOr},
		{name: "authpolicy.lists", doc: "Lists of addresses that guess passwords, [\"spamhaus-authbl\", \"spamrats-auth\"]: asked about each client that logs in from where\nnobody of yours did, for 200 ms at most; who is on one is refused. They learn these addresses. Keys as for watch.registered.",
			at: func(c *Config) any { return &c.AuthPolicy.Lists }},
		{name: "networks.own", doc: "Your own networks: never locked out; mail from there without a login counts for net:ADDRESS.",
			at: func(c *Config) any { return &c.policy.Own }},
		{name: "networks.webmail", doc: "Hosts that many people send through (webmail, proxies): their address says nothing about a person.",
			at: func(c *Config) any { return &c.policy.Webmail }},
		{name: "networks.mmdb", doc: "Your own files of autonomous systems and countries (MaxMind's or DB-IP's .mmdb), one or two; empty: the built-in table.",
			at: func(c *Config) any { return &c.MMDB }, check: mmdb},
		{name: "domains.local", doc: "A login NAME may send as NAME@ these.", at: func(c *Config) any { return &c.policy.Domains }, check: domains},
		{name: "dkim.dir", doc: "Where the private keys lie that sign mail, which only the user above can read; \"\": keys, in state_dir. postward dkim key makes them.",
			at: func(c *Config) any { return &c.DKIM.Dir }, check: absoluteOr},
		{name: "notify.urls", doc: "Where alerts go: \"ntfy://ntfy.sh/topic\", \"generic+https://host/path\" (a webhook), \"matrix://…\", \"telegram://…\", …\nNever by mail alone: the mail may be what is broken.",
			at: func(c *Config) any { return &c.Notify.URLs }, secret: true},
		{name: "notify.command", doc: "A program and its arguments that gets each alert as JSON on standard input, like [\"/usr/local/bin/tell-me\", \"--loud\"].",
			at: func(c *Config) any { return &c.Notify.Command }},
		{name: "guessing.mode", doc: "Who guesses passwords: shadow names them, enforce keeps them out; empty: as mode above.", at: func(c *Config) any { return &c.Guessing.Mode }, check: mode(true)},
		{name: "guessing.kernel", doc: "Keep them away from the mail ports, in a table of nftables of postward's own (inet postward). false: nothing is written there,\nand who is banned is refused when he speaks.", at: func(c *Config) any { return &c.Guessing.Kernel }},
		{name: "canary.every", doc: "When Postfix is quiet for so long, postward connects to it to see whether it, its milter and its log are well; \"0s\": never.",
			at: func(c *Config) any { return &c.Canary.Every }, check: between(0, 5*time.Minute)},
		{name: "watch.names", doc: "Your own addresses and domains, like [\"192.0.2.25\", \"example.org\"]: blocklists are asked about them every 3 hours, every 15\nminutes while an incident is open. None: no list is asked. postward watch show says what would be asked, and where.",
			at: func(c *Config) any { return &c.Watch.Names }, check: watched},
		{name: "watch.registered", doc: "Lists where you registered your resolver's address, like [\"barracuda\"]; postward check uses it too. Keys of lists stand\nin /etc/postward/keys (mode 640, group postward), like POSTWARD_KEY_SPAMHAUS=…",
			at: func(c *Config) any { return &c.Watch.Registered }},
		{name: "retention.journal_days", doc: "How long what happened is kept.", at: func(c *Config) any { return &c.Retention.JournalDays }, check: count(1, 3650)},
	}
}

// maxBudget bounds every number of recipients a day.
const maxBudget = 1_000_000

func guardKeys() []key {
	budget := func(name, doc string, at func(*guard.BudgetPolicy) *int) key {
		return key{name: "budget." + name, doc: doc, at: func(c *Config) any { return at(&c.policy.Budget) }, check: count(0, maxBudget)}
	}
	return []key{
		budget("unfamiliar", "Recipients that an account never wrote to, a rolling day and ten days, by how well the source is known. What is\nspent from a worse source is spent from the better ones too. A new network, or only the country is known.",
			func(b *guard.BudgetPolicy) *int { return &b.Unfamiliar }),
		budget("unfamiliar_ten", "The same in ten days.", func(b *guard.BudgetPolicy) *int { return &b.UnfamiliarTen }),
		budget("network", "What can be copied: a known country and the account's own mail program, a known network, the webmail host.", func(b *guard.BudgetPolicy) *int { return &b.Network }),
		budget("network_ten", "The same in ten days.", func(b *guard.BudgetPolicy) *int { return &b.NetworkTen }),
		budget("newcomer", "An account in its first days, from a network that the site knows.", func(b *guard.BudgetPolicy) *int { return &b.Newcomer }),
		budget("network_and_program", "A known network, and a known mail program.", func(b *guard.BudgetPolicy) *int { return &b.NetworkAndProgram }),
		budget("familiar", "A known address: three times the account's busiest day, at least this.", func(b *guard.BudgetPolicy) *int { return &b.Familiar }),
		budget("familiar_max", "And at most this.", func(b *guard.BudgetPolicy) *int { return &b.FamiliarMax }),
		budget("familiar_ten", "A known address, or a known network and mail program, in ten days: twice what is usual, at least this.", func(b *guard.BudgetPolicy) *int { return &b.FamiliarTen }),
		budget("known_from_unfamiliar", "Recipients that it does know, from a new network.", func(b *guard.BudgetPolicy) *int { return &b.KnownFromUnfamiliar }),
		budget("known_ten", "The same in ten days.", func(b *guard.BudgetPolicy) *int { return &b.KnownTen }),
		budget("undeclared", "A user of this host (local:USER) or a network of yours (net:ADDRESS) that was never allowed nor denied.", func(b *guard.BudgetPolicy) *int { return &b.Undeclared }),
		budget("site", "All accounts together, never-seen recipients, from new networks.", func(b *guard.BudgetPolicy) *int { return &b.Site }),
		{name: "cooling.time", doc: "How long an unusual mail waits before it leaves by itself.", at: func(c *Config) any { return &c.policy.Cooling.Time }, check: between(10*time.Second, time.Hour)},
		{name: "cooling.dormant", doc: "An account that was silent for longer is dormant: its first mails wait.",
			at: func(c *Config) any { return &c.policy.Cooling.Dormant }, check: between(24*time.Hour, 5*365*24*time.Hour)},
		{name: "score.hold", doc: "A mail with so many points is held (docs/decides.md says what counts). Lower: less leaks, more is held falsely.",
			at: func(c *Config) any { return &c.policy.Score.Hold }, check: points(guard.Point, 100*guard.Point)},
		{name: "score.contain", doc: "An account whose second held mail has so many is stopped, if what was sent speaks against it too.",
			at: func(c *Config) any { return &c.policy.Score.Contain }, check: points(guard.Point, 100*guard.Point)},
		{name: "containment.held", doc: "An account with so many held mails …", at: func(c *Config) any { return &c.policy.Containment.Held }, check: count(1, 1000)},
		{name: "containment.held_network", doc: "… or so many from a known network …", at: func(c *Config) any { return &c.policy.Containment.HeldNetwork }, check: count(1, 1000)},
		{name: "containment.within", doc: "… within this time is stopped.", at: func(c *Config) any { return &c.policy.Containment.Within }, check: between(time.Minute, 24*time.Hour)},
	}
}

func logLevel(v any) error {
	if s := *v.(*string); s != "info" && s != "debug" {
		return fmt.Errorf("%q is neither \"info\" nor \"debug\"", s)
	}
	return nil
}

func notEmpty(v any) error {
	if s := *v.(*string); strings.TrimSpace(s) == "" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%q is no name", s)
	}
	return nil
}

// absoluteOr is absolute, or nothing.
func absoluteOr(v any) error {
	if *v.(*string) == "" {
		return nil
	}
	return absolute(v)
}

func absolute(v any) error {
	if s := *v.(*string); !filepath.IsAbs(s) || filepath.Clean(s) != s || strings.ContainsRune(s, 0) {
		return fmt.Errorf("%q is not an absolute path like /var/lib/postward", s)
	}
	return nil
}

// log: a file, or what oldlog.Journal takes for a journal.
func log(v any) error {
	s := *v.(*string)
	if s == "journal" {
		return nil
	}
	dir := strings.TrimPrefix(s, "journal:")
	if absolute(&dir) != nil {
		return fmt.Errorf("%q is neither an absolute path like /var/log/mail.log nor \"journal\"", s)
	}
	return nil
}

func mode(empty bool) func(any) error {
	return func(v any) error {
		switch m := *v.(*guard.Mode); {
		case m == guard.Shadow, m == guard.Enforce, m == "" && empty:
			return nil
		default:
			return fmt.Errorf("%q is no mode: shadow or enforce", string(m))
		}
	}
}

func count(least, most int) func(any) error {
	return func(v any) error {
		if n := *v.(*int); n < least || n > most {
			return fmt.Errorf("%d is not from %d to %d", n, least, most)
		}
		return nil
	}
}

func points(least, most guard.Points) func(any) error {
	return func(v any) error {
		if p := *v.(*guard.Points); p < least || p > most {
			return fmt.Errorf("%s is not from %s to %s", p, least, most)
		}
		return nil
	}
}

func between(least, most time.Duration) func(any) error {
	return func(v any) error {
		if d := *v.(*time.Duration); d < least || d > most {
			return fmt.Errorf("%s is not from %s to %s", short(d), short(least), short(most))
		}
		return nil
	}
}

// maxUnixPath is what fits into a socket address (unix(7): 108 octets with the closing NUL).
const maxUnixPath = 107

func address(v any) error {
	s := *v.(*string)
	if path, ok := strings.CutPrefix(s, "unix:"); ok && filepath.IsAbs(path) && len(path) <= maxUnixPath {
		return nil
	}
	if rest, ok := strings.CutPrefix(s, "inet:"); ok {
		return inet(rest)
	}
	if s == "" {
		return nil
	}
	return fmt.Errorf("%q is no socket: \"unix:/path\" of at most %d octets, \"inet:127.0.0.1:port\", or \"\" for off", s, maxUnixPath)
}

// loopback: an address and a port there, or nothing.
func loopback(v any) error {
	s := *v.(*string)
	if at, err := netip.ParseAddrPort(s); s != "" && (err != nil || !at.Addr().Unmap().IsLoopback() || at.Addr().Zone() != "" || at.Port() == 0) {
		return fmt.Errorf("%q is neither an address and port on loopback like \"127.0.0.1:4002\" nor \"\" for off", s)
	}
	return nil
}

// inet: on loopback, at a port that Postfix can find.
func inet(hostPort string) error {
	if err := sock.CheckLoopback(hostPort); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(hostPort) // checked
	if n, err := net.LookupPort("tcp", port); err != nil || n == 0 {
		return fmt.Errorf("%q is no port: a number from 1 to 65535", port)
	}
	return nil
}

func mmdb(v any) error {
	files := *v.(*[]string)
	if len(files) > 2 {
		return fmt.Errorf("%d files: one or two are read", len(files))
	}
	for _, f := range files {
		if !filepath.IsAbs(f) {
			return fmt.Errorf("%q is not an absolute path like /var/lib/GeoIP/GeoLite2-ASN.mmdb", f)
		}
	}
	return nil
}

// domains checks them, and writes them as the guard compares them: as A-labels, in lower case.
func domains(v any) error {
	all := *v.(*[]string)
	for i, d := range all {
		if d == "" || len(d) > 253 || strings.ContainsAny(d, "@ /\\\"<>") || !strings.Contains(d, ".") && d != "localhost" {
			return fmt.Errorf("%q is no domain like example.org", d)
		}
		canonical, err := message.Domain(d)
		if err != nil {
			return fmt.Errorf("%q is no domain like example.org: %w", d, err)
		}
		all[i] = canonical
	}
	return nil
}

// maxWatched bounds what blocklists are asked about.
const maxWatched = 50

func watched(v any) error {
	names := *v.(*[]string)
	if len(names) > maxWatched {
		return fmt.Errorf("%d names: at most %d are watched", len(names), maxWatched)
	}
	for _, name := range names {
		if _, err := netip.ParseAddr(name); err != nil && domains(&[]string{name}) != nil {
			return fmt.Errorf("%q is neither an address nor a domain", name)
		}
	}
	return nil
}

// prefix reads a network, or an address as the network of itself alone.
func prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is no network like 192.0.2.0/24 or 2001:db8::/32", s)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("%s has bits behind its mask: %s?", s, p.Masked())
	}
	return p, nil
}
