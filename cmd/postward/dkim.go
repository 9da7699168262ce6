package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/auth/keys"
	"postward/internal/host/warden"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
	"postward/internal/wire/dns"
)

func (a *app) dkimCommand() *cobra.Command {
	c := &cobra.Command{Use: "dkim", Short: "the keys that sign mail"}
	c.AddCommand(group(a.dkimKeyCommand()), a.dkimImport())
	return c
}

func (a *app) dkimKeyCommand() *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "make, look at and change the keys that sign mail",
		Long: "Make, look at and change the keys that sign mail. A key is made; published when every name server of its zone shows its record;\n" +
			"active when no resolver can believe an older answer any more, and then signs; retiring when a newer one signs, for 30 days in\n" +
			"which its record stays; and removed. Each step is taken when the name servers show that it may be."}
	c.AddCommand(a.dkimCreate(), a.dkimList(), a.dkimLook(), a.dkimRotate(), a.dkimRetire())
	return c
}

// keysDir is the directory of the keys. Root becomes the daemon's user first, for good: the files are that user's, and no name that
// he could have put there may lead root astray. Whoever is going to write has the directory prepared before.
func (a *app) keysDir(write bool) (keys.Dir, error) {
	c, err := config.Load(a.config)
	if err != nil {
		return keys.Dir{}, err
	}
	d := keys.Dir{Path: c.KeysDir()}
	if os.Geteuid() != 0 {
		return d, nil
	}
	uid, gid, err := lookupDaemonUser(c.User)
	if err == nil && write {
		err = prepareKeys(c, int(uid), int(gid))
	}
	if err == nil {
		err = become(int(uid), int(gid))
	}
	return d, err
}

// prepareKeys makes the directories that the daemon's user may not make itself.
func prepareKeys(c *config.Config, uid, gid int) error {
	if err := warden.PrepareDir(c.StateDir, uid, gid, 0o750); err != nil {
		return fmt.Errorf("%w (state_dir)", err)
	}
	if strings.HasPrefix(c.KeysDir(), c.StateDir+"/") {
		return nil
	}
	if err := warden.PrepareDir(c.KeysDir(), uid, gid, 0o700); err != nil {
		return fmt.Errorf("%w (dkim.dir)", err)
	}
	return nil
}

// become gives up what root may, in all threads.
func become(uid, gid int) error {
	if uid == 0 {
		return nil
	}
	err := syscall.Setgroups([]int{gid})
	if err == nil {
		err = syscall.Setresgid(gid, gid, gid)
	}
	if err == nil {
		err = syscall.Setresuid(uid, uid, uid)
	}
	if err != nil {
		return fmt.Errorf("become the daemon's user: %w", err)
	}
	return nil
}

func (a *app) dkimCreate() *cobra.Command {
	return &cobra.Command{Use: "create DOMAIN", Short: "make the keys of a domain: RSA of 2048 bits, and Ed25519", Args: cobra.ExactArgs(1),
		Long: "Make the keys of a domain, RSA of 2048 bits and Ed25519, or what it lacks of these two, and print the records that belong into its\n" +
			"zone. Nothing is signed with a key before every name server of the zone shows its record.",
		RunE: func(_ *cobra.Command, args []string) error { return a.makeKeys(args[0], keys.Dir.Create) }}
}

func (a *app) dkimRotate() *cobra.Command {
	return &cobra.Command{Use: "rotate DOMAIN", Short: "make the next keys of a domain", Args: cobra.ExactArgs(1),
		Long: "Make the next keys of a domain, and print the records that belong into its zone. When every name server shows them, and older\n" +
			"answers are forgotten, they sign, and the keys of before retire. Mail on its way is verified all the while.",
		RunE: func(_ *cobra.Command, args []string) error {
			return a.makeKeys(args[0], func(d keys.Dir, domain string, now time.Time) ([]keys.Key, error) {
				ring, _, err := d.Load()
				if err != nil {
					return nil, err
				}
				if len(ring.Of(domain)) == 0 {
					return nil, &ctl.Problem{What: domain + " has no keys", Hint: "postward dkim key create " + domain}
				}
				return d.Rotate(domain, now)
			})
		}}
}

// makeKeys makes keys, and says what to do with them.
func (a *app) makeKeys(text string, do func(keys.Dir, string, time.Time) ([]keys.Key, error)) error {
	domain, err := keys.Domain(text)
	if err != nil {
		return err
	}
	d, err := a.keysDir(true)
	if err != nil {
		return err
	}
	made, err := do(d, domain, time.Now())
	if errors.Is(err, keys.ErrNothingToMake) {
		return &ctl.Problem{What: "make keys of " + domain + ": " + err.Error(), Hint: "postward dkim key list " + domain}
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.out.json(recordsOf(made))
	}
	a.out.line("Made of %s: %s.", domain, inWords(made))
	a.printRecords(made)
	a.out.line("Nothing is signed with them before every name server of the zone shows them.\nNext: %s", goesOn(domain))
	return nil
}

// goesOn is how keys that were made go on.
func goesOn(domain string) string {
	return fmt.Sprintf("put these records into the zone, by hand or with postward dns publish %s; then postward dkim key look %[1]s", domain)
}

// inWords are keys in a sentence.
func inWords(made []keys.Key) string {
	var all []string
	for i := range made {
		all = append(all, fmt.Sprintf("%s (%s)", made[i].Selector, made[i].String()))
	}
	return strings.Join(all, " and ")
}

// keyRecord is a key with the record that belongs into its zone.
type keyRecord struct {
	keys.Key
	Name string `json:"name"`
	Text string `json:"text"`
	Next string `json:"next,omitempty"`
}

func recordsOf(all []keys.Key) []keyRecord {
	records := []keyRecord{}
	for _, k := range all {
		records = append(records, keyRecord{k, k.Name(), k.Record(), k.Next(nil)})
	}
	return records
}

// printRecords prints records as zone files have them, and as web forms want them.
func (a *app) printRecords(all []keys.Key) {
	for i := range all {
		a.out.line("\n%s", all[i].ZoneLine())
	}
	if a.out.person && len(all) > 0 {
		a.out.line("\n%s", a.out.paint(quiet, "in a web form; one that adds the zone to names by itself wants them as postward dns show "+all[0].Domain+" --form web has them:"))
		for i := range all {
			a.out.line("\n  name   %s\n  type   TXT\n  value  %s", all[i].Name(), all[i].Record())
		}
	}
	a.out.line("")
}

func (a *app) dkimRetire() *cobra.Command {
	return &cobra.Command{Use: "retire DOMAIN SELECTOR", Short: "sign with a key no more", Args: cobra.ExactArgs(2),
		Long: "Sign with a key no more. Its record has to stay in the zone for 30 days, for mail that is on its way or held; then its file is\n" +
			"deleted. One that never signed, here or elsewhere, is deleted at once.",
		RunE: func(_ *cobra.Command, args []string) error { return a.retireKey(args[0], args[1]) }}
}

func (a *app) retireKey(domain, selector string) error {
	d, k, ring, err := a.findKey(domain, selector)
	if err != nil {
		return err
	}
	step, can := k.Retire(time.Now())
	if !can {
		return &ctl.Problem{What: fmt.Sprintf("retire %s: it is %s already", k.Name(), k.State), Hint: "postward dkim key list " + k.Domain}
	}
	if what := lostBy(&k, &step, ring.Take(step)); what != "" {
		if err := a.confirm(what); err != nil {
			return err
		}
	}
	err = d.Change(func(r keys.Ring) (keys.Ring, error) {
		now, _ := r.Find(k.Name())
		if now.State != k.State {
			return r, &ctl.Problem{What: fmt.Sprintf("retire %s: it became %s in the meantime", k.Name(), now.State), Hint: "postward dkim key list " + k.Domain}
		}
		return r.Take(step), nil
	})
	if err != nil || a.json {
		return a.orJSON(err, recordsOf([]keys.Key{step.Key})[0])
	}
	if step.Key.State == keys.Removed {
		a.out.line("%s is deleted. Its record may leave the zone.", k.Name())
		return nil
	}
	a.out.line("Nothing is signed with %s any more. Leave its record in the zone until %s: by it mail that is on its way, or held, is verified.",
		k.Name(), step.Key.Since.Add(keys.Keep).Local().Format("2006-01-02"))
	return nil
}

// lostBy is what cannot be undone of retiring a key; empty: something signs in its place.
func lostBy(k *keys.Key, step *keys.Step, after keys.Ring) string {
	switch {
	case step.Key.State == keys.Removed:
		return "The private key of " + k.Name() + " is deleted"
	case k.State == keys.Active && len(after.Choose(k.Domain)) == 0:
		return "Mail of " + k.Domain + " is not signed any more"
	}
	return ""
}

// findKey finds the key of a domain and a selector.
func (a *app) findKey(domain, selector string) (d keys.Dir, k keys.Key, ring keys.Ring, err error) {
	domain, err = keys.Domain(domain)
	if err != nil {
		return d, k, ring, err
	}
	if d, err = a.keysDir(false); err != nil {
		return d, k, ring, err
	}
	if ring, _, err = d.Load(); err != nil {
		return d, k, ring, err
	}
	k, found := ring.Find(strings.ToLower(selector) + "._domainkey." + domain)
	if !found {
		return d, k, ring, &ctl.Problem{What: fmt.Sprintf("%s has no key of the selector %q", domain, selector), Hint: "postward dkim key list"}
	}
	return d, k, ring, nil
}

// keyAsker asks the servers of --resolver, or of resolv.conf, who has authority.
func keyAsker(resolver string) (*keys.Asker, error) {
	var servers []netip.AddrPort
	if resolver != "" {
		server, err := parseServer(resolver)
		if err != nil {
			return nil, err
		}
		servers = append(servers, server)
	}
	c, err := dns.HostConfig(servers...)
	if err != nil {
		return nil, err
	}
	client, err := dns.New(c)
	return &keys.Asker{Resolver: client}, err
}

func (a *app) dkimLook() *cobra.Command {
	var resolver string
	c := &cobra.Command{Use: "look [DOMAIN…]", Short: "ask the name servers of the zones now, and take the steps that are due",
		Long: "Ask each name server of the zones for the records of all keys, or of those of some domains, say what is wrong with them, and take\n" +
			"the steps that are due. Exits with 1 if a person is needed.",
		RunE: func(c *cobra.Command, args []string) error { return a.lookAtKeys(c.Context(), resolver, args) }}
	c.Flags().StringVar(&resolver, "resolver", "", "who says which name servers those are, an `address` or address:port (default: those of /etc/resolv.conf)")
	return c
}

func (a *app) lookAtKeys(ctx context.Context, resolver string, args []string) error {
	asker, err := keyAsker(resolver)
	if err != nil {
		return err
	}
	d, err := a.keysDir(false)
	if err != nil {
		return err
	}
	ring, problems, err := d.Load()
	if err != nil {
		return err
	}
	domains, err := a.domainsOf(ring, args)
	if err != nil {
		return err
	}
	now := time.Now()
	seen, steps, err := d.Tend(ctx, asker, now, domains...)
	if err != nil {
		return err
	}
	if ring, _, err = d.Load(); err != nil {
		return err
	}
	return a.printLook(ring, domains, lookReport{Seen: seen, Steps: steps, Reminders: about(ring.Reminders(now, seen), domains)}, problems)
}

// domainsOf are the domains that were named, or all.
func (a *app) domainsOf(ring keys.Ring, args []string) (domains []string, err error) {
	for _, text := range args {
		domain, err := keys.Domain(text)
		if err != nil {
			return nil, err
		}
		if len(ring.Of(domain)) == 0 {
			return nil, &ctl.Problem{What: domain + " has no keys", Hint: "postward dkim key create " + domain}
		}
		domains = append(domains, domain)
	}
	if len(args) > 0 {
		return domains, nil
	}
	if domains = ring.Domains(); len(domains) == 0 {
		return nil, &ctl.Problem{What: "there are no keys", Hint: "postward dkim key create DOMAIN, or postward dkim import"}
	}
	return domains, nil
}
