package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

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
		return ctl.BansAnswer{}, &ctl.Problem{What: fmt.Sprintf("%s is too long for a ban, or too short", r.For), Hint: "a time from 1s to 168h, like --for 24h"}
	}
	if why := d.spared(p); why != "" {
		return ctl.BansAnswer{}, &ctl.Problem{What: fmt.Sprintf("%s is not banned: %s", ctl.Plain(p), why), Hint: "postward account lock ACCOUNT keeps one account out, wherever it comes from"}
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
	answer := d.bans()
	answer.Network = p
	return answer, nil
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

// hostBits6 is what is counted and banned of an address of IPv6: a host changes the rest of it as it likes (RFC 8981).
const hostBits6 = 64

// banPrefix reads what is to be banned: of IPv6 a /64 at least, as of whoever guesses.
func banPrefix(p netip.Prefix) (netip.Prefix, error) {
	a := p.Addr()
	switch {
	case !p.IsValid() || a.Is4In6() || a.Zone() != "":
		return p, &ctl.Problem{What: "that is no address and no network", Hint: "like 203.0.113.9, 203.0.113.0/24 or 2001:db8:1:2::/64"}
	case a.Is4() && p.Bits() < widestBan4, a.Is6() && p.Bits() < widestBan6:
		return p, &ctl.Problem{What: fmt.Sprintf("%s is too wide", p), Hint: fmt.Sprintf("at most a /%d of IPv4, a /%d of IPv6; more than that is a rule for your own firewall", widestBan4, widestBan6)}
	}
	if a.Is6() && !nat64.Contains(a) {
		p = netip.PrefixFrom(a, min(p.Bits(), hostBits6))
	}
	return p.Masked(), nil
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
	d.gate.changed = true // what he is forgiven too
	d.gate.mu.Unlock()
	d.wakeGate()
	d.saveGate(time.Now())
	if len(lifted) == 0 {
		return ctl.BansAnswer{}, &ctl.Problem{What: fmt.Sprintf("nothing of %s is banned; what was tried from there before is forgiven", ctl.Plain(r.Network)), Hint: "postward ban list"}
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
	d.gate.mu.Unlock()
	answer.Never = d.never(answer.Client, answer.Never)
	if b := answer.Ban; b != nil {
		answer.Why = b.Why()
	}
	if d.where != nil {
		place := d.where.Lookup(r.Client)
		answer.ASN, answer.Country = place.ASN, place.Country
	}
	d.mu.Lock()
	defer d.mu.Unlock()
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
	return ctl.AllowAnswer{Networks: append([]netip.Prefix{}, d.gate.allow...), Own: own, Trusted: slices.Clone(d.gate.trusted)}
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
		problem = notAllowed(d.gate.allow, p)
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

// notAllowed says that a network is not on the allow list, and what is instead.
func notAllowed(list []netip.Prefix, p netip.Prefix) *ctl.Problem {
	n, is := overlapping(list, p)
	switch {
	case is && n.Bits() < p.Bits():
		return &ctl.Problem{What: fmt.Sprintf("%s is not on the allow list: it is allowed with %s, which is", ctl.Plain(p), ctl.Plain(n)), Hint: "postward allow remove " + ctl.Plain(n)}
	case is:
		return &ctl.Problem{What: fmt.Sprintf("%s is not on the allow list: a part of it is, %s", ctl.Plain(p), ctl.Plain(n)), Hint: "postward allow remove " + ctl.Plain(n)}
	}
	return &ctl.Problem{What: fmt.Sprintf("%s is not on the allow list", ctl.Plain(p)), Hint: "postward allow list; what is of networks.own stands in postward.toml"}
}

// lockAccount locks an account's logins, or opens them.
func (d *Daemon) lockAccount(ctx context.Context, actor, verb string, r ctl.Name) (ctl.Account, error) {
	name, isNew, err := d.loginName(r.Account)
	switch {
	case err != nil:
		return ctl.Account{}, err
	case isNew && verb == "account/unlock":
		return ctl.Account{}, noAccount(r.Account)
	}
	kind := map[string]guard.Kind{"account/lock": guard.KindLocked, "account/unlock": guard.KindUnlocked}[verb]
	t := now()
	if err := d.recordAndWait(ctx, &guard.Event{Key: fmt.Sprintf("%s:%s:%d", kind, name, t), Kind: kind, At: t, Actor: actor, Account: name}); err != nil {
		return ctl.Account{}, err
	}
	if verb == "account/lock" {
		d.kick(ctx, name)
	}
	x, err := d.showAccount(ctl.Name{Account: name})
	x.New = isNew
	return x, err
}

// maxLoginName bounds the name of an account that nobody has heard of, in octets.
const maxLoginName = 256

// loginName is the account that a name means, also one of which nothing is known: who only reads mail here has sent none. isNew says so.
func (d *Daemon) loginName(said string) (name string, isNew bool, err error) {
	name = message.Account(said)
	strange := func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }
	if name == "" || len(name) > maxLoginName || strings.ContainsFunc(name, strange) {
		return "", false, &ctl.Problem{What: fmt.Sprintf("%.40q is no name of an account", said), Hint: "the name that it logs in with; postward account list has those that sent mail"}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.accountOf(name); known != "" {
		return known, false, nil
	}
	return name, true, nil
}

// longestProtect is for how long a person may have an account protected.
const longestProtect = 30 * 24 * time.Hour

// protect protects an account for a time, or ends that.
func (d *Daemon) protect(ctx context.Context, actor string, r ctl.ProtectRequest) (ctl.ProtectAnswer, error) {
	name, isNew, err := d.loginName(r.Account)
	if err != nil {
		return ctl.ProtectAnswer{}, err
	}
	if r.For < 0 || r.For > longestProtect {
		return ctl.ProtectAnswer{}, &ctl.Problem{What: fmt.Sprintf("%s is too long for a protection, or too short", r.For), Hint: "a time up to 720h, like --for 24h"}
	}
	if isNew {
		d.mu.Lock()
		name = d.plain(name)
		d.mu.Unlock()
	}
	t := d.lockGate()
	p := *d.gate.watch.ProtectByHand(name, r.For, actor, t)
	d.note(&guard.Event{Kind: guard.KindProtected, Actor: actor, Account: name, Until: guard.TimeOf(p.Until)})
	d.gate.changed = true
	d.gate.mu.Unlock()
	d.saveGate(time.Now())
	d.tellOfGate(time.Now())
	return ctl.ProtectAnswer{Protection: p, New: isNew}, d.writer.Flush(ctx)
}
