package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/auth/keys"
	"postward/internal/auth/publish"
	"postward/internal/domain/check"
	"postward/internal/domain/mtasts"
	"postward/internal/host/postfix"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
	"postward/internal/wire/dns"
)

// dnsFlags are the flags of postward dns.
type dnsFlags struct {
	senders  []string
	keys     []string
	reports  string
	mtasts   string
	resolver string
	server   string
	timeout  time.Duration
	form     string
	policy   bool
	apply    bool
	wait     time.Duration

	sign    *publish.TSIG // what updates are signed with: read while root is root
	signErr error         // why there is none
}

// Forms of a record.
const (
	formBIND = "bind"
	formWeb  = "web"
)

func (a *app) dnsCommand() *cobra.Command {
	c := &cobra.Command{Use: "dns", Short: "what should stand in a domain's zone for its mail, what does, and putting it there"}
	c.AddCommand(a.dnsShowCommand(), a.dnsDiffCommand(), a.dnsPublishCommand())
	return c
}

func (a *app) dnsShowCommand() *cobra.Command {
	var f dnsFlags
	c := &cobra.Command{Use: "show DOMAIN", Short: "print the records that should be in the zone", Args: cobra.ExactArgs(1),
		Long: "Print what should stand in a domain's zone: SPF, DKIM, DMARC, TLS-RPT, MTA-STS. What is there and sound is printed as it is.\n" +
			"--form bind is for a zone file; --form web for a provider's page: the name below the zone (@ is the zone itself), the\n" +
			"type, and the value in one piece; --json has both. What only a person can decide stands behind #.",
		Example: "  postward dns show example.org\n  postward dns show example.org --form web\n  postward dns show example.org --mta-sts testing --mta-sts-policy > mta-sts.txt",
		RunE:    func(c *cobra.Command, args []string) error { return a.dnsShow(c.Context(), &f, args[0]) }}
	f.bind(c)
	c.Flags().StringVar(&f.form, "form", formBIND, "bind or web")
	c.Flags().BoolVar(&f.policy, "mta-sts-policy", false, "print the policy file of MTA-STS instead, for https://mta-sts.DOMAIN/.well-known/mta-sts.txt")
	return c
}

func (a *app) dnsDiffCommand() *cobra.Command {
	var f dnsFlags
	c := &cobra.Command{Use: "diff DOMAIN", Short: "say what is in the zone, what is wrong, and what is to be changed", Args: cobra.ExactArgs(1),
		Long: "Ask every authoritative server and the resolver, and say what differs from postward dns show: + is to be added, - to be\n" +
			"taken out, # says why. A server or resolver that does not say what the primary server says is named.\n" +
			"Exit status 0: nothing differs, 1: something does, 2: something could not be learned.",
		RunE: func(c *cobra.Command, args []string) error { return a.dnsDiff(c.Context(), &f, args[0]) }}
	f.bind(c)
	return c
}

func (a *app) dnsPublishCommand() *cobra.Command {
	var f dnsFlags
	c := &cobra.Command{Use: "publish DOMAIN", Short: "write into the zone what postward dns diff says", Args: cobra.ExactArgs(1),
		Long: "Write into the zone by a dynamic update (RFC 2136) that is signed by TSIG: dns.key_file in postward.toml names the key, as\n" +
			"tsig-keygen writes it. Without --apply it shows what it would write. All of a zone is written or nothing; when somebody\n" +
			"else changed one of the names meanwhile, nothing. Then every authoritative server is asked until it shows it.\n" +
			"Exit status 0: nothing is left to do, 1: something is (without --apply: there is something to write), 2: it could not.",
		RunE: func(c *cobra.Command, args []string) error { return a.dnsPublish(c.Context(), &f, args[0]) }}
	f.bind(c)
	c.Flags().BoolVar(&f.apply, "apply", false, "do it")
	c.Flags().DurationVar(&f.wait, "wait", 30*time.Second, "how long to wait until every server shows it")
	return c
}

// bind makes the flags that all three have.
func (f *dnsFlags) bind(c *cobra.Command) {
	flags := c.Flags()
	flags.StringArrayVar(&f.senders, "sender", nil, "an `address` that the mail is sent from, as the world sees it; may be repeated (default: dns.senders, or this host's)")
	flags.StringArrayVar(&f.keys, "dkim", nil, "a DKIM key, `SELECTOR=FILE` with the key that the signer reads (PEM; only its public part is used); may be repeated (default: the keys of postward dkim key list)")
	flags.StringVar(&f.reports, "reports", "", "the mail `address` that reports of DMARC and TLS go to (default: dns.reports, or postmaster of the domain)")
	flags.StringVar(&f.mtasts, "mta-sts", "", "publish MTA-STS with this `mode`: testing, enforce or none (default: dns.mta_sts)")
	flags.StringVar(&f.resolver, "resolver", "", "ask this resolver, an `address` or address:port (default: those of /etc/resolv.conf)")
	flags.StringVar(&f.server, "server", "", "the primary server of the zone, an `address` or address:port (default: dns.server, or the one that its SOA record names)")
	flags.DurationVar(&f.timeout, "timeout", 20*time.Second, "the longest that the asking may take")
}

// plan looks at a domain. Root gives up what root may on the way, when keys of the daemon's are to be read: what only root can read is
// read before.
func (a *app) plan(ctx context.Context, f *dnsFlags, domain string) (*publish.Plan, error) {
	c, err := config.Load(a.config)
	if err != nil {
		return nil, err
	}
	if domain, err = parseDomain(domain); err != nil {
		return nil, err
	}
	look, err := f.config(c)
	if err != nil {
		return nil, err
	}
	site, note, err := f.site(ctx, c, look.Resolver, domain)
	if err == nil && f.apply {
		f.sign, f.signErr = updateKey(c)
	}
	if err == nil && len(f.keys) == 0 {
		site.Keys, err = a.ownKeys(c, domain)
	}
	if err != nil {
		return nil, err
	}
	p, err := publish.Look(ctx, look, site)
	if err != nil {
		return nil, fmt.Errorf("look at the zone of %s: %w", domain, err)
	}
	if note != "" {
		p.Notes = append(p.Notes, note)
	}
	return p, nil
}

// config is with what the zone is asked.
func (f *dnsFlags) config(c *config.Config) (publish.Config, error) {
	if f.timeout < minTimeout || f.timeout > maxTimeout {
		return publish.Config{}, &ctl.Problem{What: fmt.Sprintf("--timeout %v is out of range", f.timeout), Hint: "100ms to 5m"}
	}
	resolver, _, err := (&checkFlags{resolver: f.resolver, timeout: f.timeout}).clients()
	if err != nil {
		return publish.Config{}, err
	}
	look := publish.Config{Resolver: resolver, Timeout: f.timeout, Now: time.Now()}
	if f.server == "" {
		f.server = c.DNS.Server
	}
	if f.server != "" {
		if look.Primary, err = serverFlag("--server", f.server); err != nil {
			return look, err
		}
	}
	return look, nil
}

// site is what the domain's zone is to say. The note says what was taken for granted.
func (f *dnsFlags) site(ctx context.Context, c *config.Config, r dns.Resolver, domain string) (s publish.Site, note string, err error) {
	s = publish.Site{Domain: domain, Reports: cmp.Or(f.reports, c.DNS.Reports), MTASTS: mtasts.Mode(cmp.Or(f.mtasts, c.DNS.MTASTS))}
	if len(f.senders) == 0 {
		f.senders = c.DNS.Senders
	}
	for _, text := range f.senders {
		addr, err := parseAddress(text)
		if err != nil {
			return s, "", &ctl.Problem{What: fmt.Sprintf("--sender %q is no address", text), Hint: "192.0.2.25 or 2001:db8::25"}
		}
		s.Senders = append(s.Senders, addr)
	}
	if len(s.Senders) > check.MaxAddrs {
		return s, "", &ctl.Problem{What: fmt.Sprintf("%d addresses are more than one check looks at", len(s.Senders)), Hint: fmt.Sprintf("at most %d", check.MaxAddrs)}
	}
	if len(s.Senders) == 0 {
		s.Senders, note = hostSenders(ctx, r)
	}
	s.Keys, err = f.dkimKeys()
	return s, note, err
}

// hostSenders are the addresses that this host's Postfix sends from, as far as that can be told: behind a relay the world sees
// another's.
func hostSenders(ctx context.Context, r dns.Resolver) (all []netip.Addr, note string) {
	const name = "name what sends the mail with --sender ADDRESS or dns.senders"
	var p postfix.Instance
	host, err := p.Get(ctx, "myhostname")
	if err != nil || host == "" {
		return nil, "there is no Postfix here that could say what sends: the mail exchangers were taken, as far as they are the domain's own; " + name
	}
	if relay, err := p.Get(ctx, "relayhost"); err != nil || relay != "" {
		return nil, "Postfix sends by relayhost, so the world sees the relay's address: " + name + ", or include the relay's policy"
	}
	all = ownAddresses(ctx, r, host)
	if len(all) == 0 {
		return nil, "this host has no address that the world sees: " + name
	}
	var words []string
	for _, a := range all {
		words = append(words, a.String())
	}
	return all, "taken for what sends: " + strings.Join(words, ", ") + " of " + host + "; if that is not all, " + name
}

// ownSelector is one that postward gives. Two hosts that give the same one have different keys.
var ownSelector = regexp.MustCompile(`^pw[0-9]{8}[re][0-9]*$`)

// ownKeys are the keys with which postward signs the domain's mail, did, or is going to. The directory is the daemon's: a key is not
// taken out of the zone because it stands there as one that was removed, but because nobody else gives its selector.
func (a *app) ownKeys(c *config.Config, domain string) (all []publish.Record, err error) {
	if _, err := os.Lstat(c.KeysDir()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	d, err := a.keysDir(false)
	if err != nil {
		return nil, err
	}
	ring, _, err := d.Load()
	if errors.Is(err, fs.ErrPermission) {
		return nil, &ctl.Problem{What: "the DKIM keys of this host are not yours to read", Hint: "as root, or --dkim SELECTOR=FILE"}
	}
	if err != nil {
		return nil, err
	}
	for _, k := range ring.Of(domain) {
		public, err := base64.StdEncoding.DecodeString(k.Public)
		if err != nil {
			return nil, fmt.Errorf("read the key %s: %w", k.Name(), err)
		}
		all = append(all, publish.Record{Selector: k.Selector, Algorithm: string(k.Algorithm), Public: public,
			Retired: k.State == keys.Removed, Given: k.From != "" || !ownSelector.MatchString(k.Selector)})
	}
	return all, nil
}

// dkimKeys are the keys of --dkim.
func (f *dnsFlags) dkimKeys() (all []publish.Record, err error) {
	for _, text := range f.keys {
		selector, path, found := strings.Cut(text, "=")
		selector = strings.ToLower(selector)
		if !found || !hostName(selector) || path == "" {
			return nil, &ctl.Problem{What: fmt.Sprintf("--dkim %q is not SELECTOR=FILE", text), Hint: "--dkim mail=/etc/dkimkeys/mail.private"}
		}
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the key of the selector %q: %w", selector, err)
		}
		k, err := publish.ParseKey(selector, pem)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil
}

// serverFlag reads an address or address:port.
func serverFlag(flag, text string) (netip.AddrPort, error) {
	at, err := parseServer(text)
	if err != nil {
		return at, &ctl.Problem{What: fmt.Sprintf("%s %q is no address", flag, text), Hint: "192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53"}
	}
	return at, nil
}

// updateKey is the key that updates are signed with.
func updateKey(c *config.Config) (*publish.TSIG, error) {
	switch {
	case c.DNS.KeyFile != "":
		return publish.ReadTSIG(c.DNS.KeyFile)
	case c.DNS.KeyName != "":
		k, err := publish.NewTSIG(c.DNS.KeyName, "", c.DNS.KeySecret)
		if err != nil {
			return nil, fmt.Errorf("read dns.key_name and dns.key_secret: %w", err)
		}
		return k, nil
	}
	return nil, &ctl.Problem{What: "there is no key to sign updates with",
		Hint: "(umask 077; tsig-keygen postward > /etc/postward/tsig.key); dns.key_file = \"/etc/postward/tsig.key\" in postward.toml; and the same key in the name server (docs/publishing.md)"}
}
