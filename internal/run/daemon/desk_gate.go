package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/host/nft"
	"postward/internal/mail/message"
	"postward/internal/run/ctl"
)

// bans lists who is kept out.
func (d *Daemon) bans() ctl.BansAnswer {
	t := d.lockGate()
	defer d.gate.mu.Unlock()
	answer := ctl.BansAnswer{Bans: []guess.Ban{}, Protected: []guess.Protection{}, Confined: []guess.Confine{}, Enforced: d.config.BansEnforced()}
	for _, b := range d.gate.watch.Bans(t) {
		answer.Bans = append(answer.Bans, *b)
	}
	for _, p := range d.gate.watch.Protections(t) {
		answer.Protected = append(answer.Protected, *p)
	}
	for _, c := range d.gate.watch.Confined(t) {
		answer.Confined = append(answer.Confined, *c)
	}
	if d.gate.keeps != nil {
		answer.Kernel = d.gate.keeps.Error()
	}
	return answer
}

// The widest networks that an operator may ban at once, as the parent has it too.
const (
	widestBan4 = 24
	widestBan6 = 48
)

// addBan keeps a network out because a person says so.
func (d *Daemon) addBan(ctx context.Context, actor string, r ctl.BanRequest) (ctl.BansAnswer, error) {
	p, err := banPrefix(r.Network)
	if err != nil {
		return ctl.BansAnswer{}, err
	}
	if r.For < time.Second || r.For > guess.LongestBan {
		return ctl.BansAnswer{}, &ctl.Problem{What: fmt.Sprintf("a ban of %s", r.For), Hint: "a time from 1s to 168h, like --for 24h"}
	}
	if why := d.spared(p); why != "" {
		return ctl.BansAnswer{}, &ctl.Problem{What: fmt.Sprintf("%s is not banned: %s", p, why), Hint: "postward account lock ACCOUNT keeps one account out, wherever it comes from"}
	}
	if err := d.parentRefuses(ctx, nft.Ban{Prefix: p, For: r.For}); err != nil {
		return ctl.BansAnswer{}, &ctl.Problem{What: err.Error(), Hint: "postward account lock ACCOUNT keeps one account out, wherever it comes from"}
	}
	t := d.lockGate()
	d.banned(d.gate.watch.BanByHand(p, r.For, actor, t), actor)
	d.gate.mu.Unlock()
	if err := d.writer.Flush(ctx); err != nil {
		return ctl.BansAnswer{}, err
	}
	return d.bans(), nil
}

// parentRefuses says why the parent refuses a ban: a person is told at once, and not that it stands. It knows what the daemon does
// not: the host's own addresses, and where somebody is logged in from.
func (d *Daemon) parentRefuses(ctx context.Context, b nft.Ban) error {
	refused, err := d.warden.Refused(ctx, []nft.Ban{b})
	if err != nil || len(refused) == 0 { // what is told later says so
		return nil
	}
	return refused[0]
}

// banPrefix reads what is to be banned.
func banPrefix(p netip.Prefix) (netip.Prefix, error) {
	a := p.Addr()
	switch {
	case !p.IsValid() || a.Is4In6() || a.Zone() != "":
		return p, &ctl.Problem{What: "that is no address and no network", Hint: "like 203.0.113.9, 203.0.113.0/24 or 2001:db8:1:2::/64"}
	case a.Is4() && p.Bits() < widestBan4, a.Is6() && p.Bits() < widestBan6:
		return p, &ctl.Problem{What: fmt.Sprintf("%s is too wide", p), Hint: fmt.Sprintf("at most a /%d of IPv4, a /%d of IPv6; more than that is a rule for your own firewall", widestBan4, widestBan6)}
	}
	return p.Masked(), nil
}

// spared says why a network must not be banned; empty: it may be.
func (d *Daemon) spared(p netip.Prefix) string {
	d.mu.Lock()
	own := slices.Clone(d.state.Policy().Own)
	d.mu.Unlock()
	for _, n := range own {
		if n.Overlaps(p) {
			return "it is of your own networks (networks.own)"
		}
	}
	d.gate.mu.Lock()
	defer d.gate.mu.Unlock()
	for _, n := range d.gate.trusted {
		if n.Overlaps(p) {
			return fmt.Sprintf("Postfix lets %s relay (mynetworks), or Dovecot trusts it as a proxy (haproxy_trusted_networks, login_trusted_networks)", n)
		}
	}
	for _, n := range d.gate.allow {
		if n.Overlaps(p) {
			return fmt.Sprintf("%s is on the allow list (postward allow remove %s takes it off)", n, n)
		}
	}
	if p.Addr().IsLoopback() || p.Addr().IsUnspecified() || p.Addr().IsMulticast() || p.Addr().IsLinkLocalUnicast() {
		return "nobody comes from there"
	}
	return ""
}

// removeBan lifts what is banned of a network.
func (d *Daemon) removeBan(ctx context.Context, actor string, r ctl.BanRequest) (ctl.BansAnswer, error) {
	if !r.Network.IsValid() {
		return ctl.BansAnswer{}, &ctl.Problem{What: "that is no address and no network", Hint: "postward ban list"}
	}
	t := d.lockGate()
	lifted := d.gate.watch.Unban(r.Network.Masked(), t)
	for _, b := range lifted {
		d.note(&guard.Event{Kind: guard.KindUnbanned, Actor: actor, Prefix: b.Prefix})
	}
	d.gate.lift = append(d.gate.lift, d.forgetBans(t)...)
	d.writeGate(t) // what he is forgiven too
	d.gate.mu.Unlock()
	d.wakeGate()
	if len(lifted) == 0 {
		return ctl.BansAnswer{}, &ctl.Problem{What: fmt.Sprintf("nothing of %s is banned", r.Network), Hint: "postward ban list"}
	}
	answer := ctl.BansAnswer{Enforced: d.config.BansEnforced()}
	for _, b := range lifted {
		answer.Bans = append(answer.Bans, *b)
	}
	return answer, d.writer.Flush(ctx)
}

// source says everything that is known of an address.
func (d *Daemon) source(r ctl.SourceRequest) (ctl.SourceAnswer, error) {
	if !r.Client.IsValid() {
		return ctl.SourceAnswer{}, &ctl.Problem{What: "that is no address", Hint: "postward source show 203.0.113.9"}
	}
	t := d.lockGate()
	answer := ctl.SourceAnswer{About: d.gate.watch.About(r.Client, t), Enforced: d.config.BansEnforced()}
	switch {
	case answer.Never != "":
	case d.gate.isSpared(r.Client, time.Now()):
		answer.Never = "it is an address of this host, or somebody is logged in to this host from there"
	case d.gate.never(r.Client, time.Now()):
		answer.Never = "Postfix lets it relay (mynetworks), or Dovecot trusts it as a proxy (haproxy_trusted_networks, login_trusted_networks)"
	}
	d.gate.mu.Unlock()
	if b := answer.Ban; b != nil {
		answer.Why = b.Why()
	}
	if d.where != nil {
		place := d.where.Lookup(r.Client)
		answer.ASN, answer.Country = place.ASN, place.Country
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.Policy().IsOwn(r.Client) {
		answer.Never = "it is of your own networks (networks.own)"
	}
	answer.Webmail = d.state.Policy().IsWebmail(r.Client)
	answer.Accounts = d.state.Users(r.Client)
	return answer, nil
}

// allowed lists who is never banned.
func (d *Daemon) allowed() ctl.AllowAnswer {
	d.mu.Lock()
	own := slices.Clone(d.state.Policy().Own)
	d.mu.Unlock()
	d.gate.mu.Lock()
	defer d.gate.mu.Unlock()
	return ctl.AllowAnswer{Networks: append([]netip.Prefix{}, d.gate.allow...), Own: own}
}

// maxAllowed bounds the allow list.
const maxAllowed = 1000

// widestAllowed is how many bits a network of the allow list has at least; of IPv4: true.
var widestAllowed = map[bool]int{true: 8, false: 20}

// changeAllowed adds to the allow list or takes off it.
func (d *Daemon) changeAllowed(ctx context.Context, actor, verb string, r ctl.BanRequest) (ctl.AllowAnswer, error) {
	p := r.Network.Masked()
	if !p.IsValid() || p.Addr().Is4In6() {
		return ctl.AllowAnswer{}, &ctl.Problem{What: "that is no address and no network", Hint: "like 203.0.113.9, 203.0.113.0/24 or 2001:db8:1:2::/64"}
	}
	if verb == "allow/add" && p.Bits() < widestAllowed[p.Addr().Is4()] {
		return ctl.AllowAnswer{}, &ctl.Problem{What: fmt.Sprintf("%s is a part of the internet, and not of a site: nobody there would be kept out", p), Hint: `a narrower network; to keep nobody out, guessing.mode = "shadow"`}
	}
	d.gate.mu.Lock()
	list := slices.DeleteFunc(slices.Clone(d.gate.allow), func(n netip.Prefix) bool { return n == p })
	found := len(list) < len(d.gate.allow)
	if verb == "allow/add" {
		list = append(list, p)
	}
	problem := error(nil)
	switch {
	case verb == "allow/remove" && !found:
		problem = &ctl.Problem{What: fmt.Sprintf("%s is not on the allow list", p), Hint: "postward allow list; what is of networks.own stands in postward.toml"}
	case len(list) > maxAllowed:
		problem = &ctl.Problem{What: fmt.Sprintf("the allow list is full: it has room for %d networks", maxAllowed), Hint: "postward allow list; a wider network takes the place of several"}
	}
	if problem != nil {
		d.gate.mu.Unlock()
		return ctl.AllowAnswer{}, problem
	}
	text, err := json.Marshal(list)
	if err != nil {
		d.gate.mu.Unlock()
		return ctl.AllowAnswer{}, fmt.Errorf("write the allow list: %w", err)
	}
	d.gate.allow = list
	d.gate.watch.Allow(list)
	kind := map[string]guard.Kind{"allow/add": guard.KindSpared, "allow/remove": guard.KindUnspared}[verb]
	d.note(&guard.Event{Kind: kind, Actor: actor, Prefix: p})
	d.writer.SetCursor(allowName, string(text))
	d.gate.all = true // the kernel has them, too
	d.gate.mu.Unlock()
	d.wakeGate()
	return d.allowed(), d.writer.Flush(ctx)
}

// lockAccount locks an account's logins, or opens them.
func (d *Daemon) lockAccount(ctx context.Context, actor, verb string, r ctl.Name) (*guard.Account, error) {
	a, err := d.account(r)
	if err != nil {
		return nil, err
	}
	kind := map[string]guard.Kind{"account/lock": guard.KindLocked, "account/unlock": guard.KindUnlocked}[verb]
	t := now()
	if err := d.recordAndWait(ctx, &guard.Event{Key: fmt.Sprintf("%s:%s:%d", kind, a.Name, t), Kind: kind, At: t, Actor: actor, Account: a.Name}); err != nil {
		return nil, err
	}
	if verb == "account/lock" {
		d.kick(ctx, a.Name)
	}
	return d.account(ctl.Name{Account: a.Name})
}

// longestProtect is for how long a person may have an account protected.
const longestProtect = 30 * 24 * time.Hour

// protect protects an account for a time, or ends that.
func (d *Daemon) protect(ctx context.Context, actor string, r ctl.ProtectRequest) (guess.Protection, error) {
	a, err := d.account(ctl.Name{Account: message.Account(r.Account)})
	if err != nil {
		return guess.Protection{}, err
	}
	if r.For < 0 || r.For > longestProtect {
		return guess.Protection{}, &ctl.Problem{What: fmt.Sprintf("a protection of %s", r.For), Hint: "a time up to 720h, like --for 24h"}
	}
	t := d.lockGate()
	p := *d.gate.watch.ProtectByHand(a.Name, r.For, actor, t)
	d.note(&guard.Event{Kind: guard.KindProtected, Actor: actor, Account: a.Name, Until: guard.TimeOf(p.Until)})
	d.writeGate(t)
	d.gate.mu.Unlock()
	d.tellOfGate(time.Now())
	return p, d.writer.Flush(ctx)
}
