package gate

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
	"postward/internal/run/ctl"
)

// Bans lists who is kept out.
func (g *Gate) Bans() ctl.BansAnswer {
	t := g.lock()
	defer g.mu.Unlock()
	answer := ctl.BansAnswer{Bans: []guess.Ban{}, Protected: []guess.Protection{}, Confined: []guess.Confine{}, Enforced: g.config.BansEnforced()}
	for _, b := range g.watch.Bans(t) {
		answer.Bans = append(answer.Bans, *b)
	}
	for _, p := range g.watch.Protections(t) {
		answer.Protected = append(answer.Protected, *p)
	}
	for _, c := range g.watch.Confined(t) {
		answer.Confined = append(answer.Confined, *c)
	}
	if g.keeps != nil {
		answer.Kernel = g.keeps.Error()
	}
	return answer
}

// The widest networks that an operator may ban at once, as the parent has it too.
const (
	widestBan4 = 24
	widestBan6 = 48
)

// AddBan keeps a network out because a person says so.
func (g *Gate) AddBan(ctx context.Context, actor string, r ctl.BanRequest) (ctl.BansAnswer, error) {
	p, err := banPrefix(r.Network)
	if err != nil {
		return ctl.BansAnswer{}, err
	}
	if r.For < time.Second || r.For > guess.LongestBan {
		return ctl.BansAnswer{}, &ctl.Problem{What: fmt.Sprintf("%s is too long for a ban, or too short", r.For), Hint: "a time from 1s to 168h, like --for 24h"}
	}
	if why := g.spared(p); why != "" {
		return ctl.BansAnswer{}, &ctl.Problem{What: fmt.Sprintf("%s is not banned: %s", ctl.Plain(p), why), Hint: "postward account lock ACCOUNT keeps one account out, wherever it comes from"}
	}
	if err := g.parentRefuses(ctx, nft.Ban{Prefix: p, For: r.For}); err != nil {
		return ctl.BansAnswer{}, &ctl.Problem{What: err.Error(), Hint: "postward account lock ACCOUNT keeps one account out, wherever it comes from"}
	}
	t := g.lock()
	g.banned(g.watch.BanByHand(p, r.For, actor, t), actor)
	g.mu.Unlock()
	if err := g.writer.Flush(ctx); err != nil {
		return ctl.BansAnswer{}, err
	}
	answer := g.Bans()
	answer.Network = p
	return answer, nil
}

// parentRefuses says why the parent refuses a ban: a person is told at once, and not that it stands. It knows what the daemon does
// not: the host's own addresses, and where somebody is logged in from.
func (g *Gate) parentRefuses(ctx context.Context, b nft.Ban) error {
	refused, err := g.warden.Refused(ctx, []nft.Ban{b})
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

// RemoveBan lifts what is banned of a network.
func (g *Gate) RemoveBan(ctx context.Context, actor string, r ctl.BanRequest) (ctl.BansAnswer, error) {
	if !r.Network.IsValid() {
		return ctl.BansAnswer{}, &ctl.Problem{What: "that is no address and no network", Hint: "postward ban list"}
	}
	t := g.lock()
	lifted := g.watch.Unban(r.Network.Masked(), t)
	for _, b := range lifted {
		g.note(&guard.Event{Kind: guard.KindUnbanned, Actor: actor, Prefix: b.Prefix})
	}
	g.lift = append(g.lift, g.forgetBans(t)...)
	g.changed = true // what he is forgiven too
	g.mu.Unlock()
	g.wake()
	g.Save(time.Now())
	if len(lifted) == 0 {
		return ctl.BansAnswer{}, &ctl.Problem{What: fmt.Sprintf("nothing of %s is banned; what was tried from there before is forgiven", ctl.Plain(r.Network)), Hint: "postward ban list"}
	}
	answer := ctl.BansAnswer{Enforced: g.config.BansEnforced()}
	for _, b := range lifted {
		answer.Bans = append(answer.Bans, *b)
	}
	return answer, g.writer.Flush(ctx)
}

// Source says everything that is known of an address.
func (g *Gate) Source(r ctl.SourceRequest) (ctl.SourceAnswer, error) {
	if !r.Client.IsValid() {
		return ctl.SourceAnswer{}, &ctl.Problem{What: "that is no address", Hint: "postward source show 203.0.113.9"}
	}
	t := g.lock()
	answer := ctl.SourceAnswer{About: g.watch.About(r.Client, t), Enforced: g.config.BansEnforced()}
	g.mu.Unlock()
	answer.Never = g.whyNever(answer.Client, answer.Never)
	if b := answer.Ban; b != nil {
		answer.Why = b.Why()
	}
	if g.where != nil {
		place := g.where.Lookup(r.Client)
		answer.ASN, answer.Country = place.ASN, place.Country
	}
	g.state(func(s *guard.State) {
		answer.Webmail, answer.Accounts = s.Policy().IsWebmail(r.Client), s.Users(r.Client)
	})
	return answer, nil
}

// Allowed lists who is never banned.
func (g *Gate) Allowed() ctl.AllowAnswer {
	var own []netip.Prefix
	g.state(func(s *guard.State) { own = slices.Clone(s.Policy().Own) })
	g.mu.Lock()
	defer g.mu.Unlock()
	return ctl.AllowAnswer{Networks: append([]netip.Prefix{}, g.allow...), Own: own, Trusted: slices.Clone(g.trusted)}
}

// maxAllowed bounds the allow list.
const maxAllowed = 1000

// widestAllowed is how many bits a network of the allow list has at least; of IPv4: true.
var widestAllowed = map[bool]int{true: 8, false: 20}

// ChangeAllowed adds to the allow list or takes off it.
func (g *Gate) ChangeAllowed(ctx context.Context, actor, verb string, r ctl.BanRequest) (ctl.AllowAnswer, error) {
	p := r.Network.Masked()
	if !p.IsValid() || p.Addr().Is4In6() {
		return ctl.AllowAnswer{}, &ctl.Problem{What: "that is no address and no network", Hint: "like 203.0.113.9, 203.0.113.0/24 or 2001:db8:1:2::/64"}
	}
	if verb == "allow/add" && p.Bits() < widestAllowed[p.Addr().Is4()] {
		return ctl.AllowAnswer{}, &ctl.Problem{What: fmt.Sprintf("%s is a part of the internet, and not of a site: nobody there would be kept out", p), Hint: `a narrower network; to keep nobody out, guessing.mode = "shadow"`}
	}
	g.mu.Lock()
	list := slices.DeleteFunc(slices.Clone(g.allow), func(n netip.Prefix) bool { return n == p })
	found := len(list) < len(g.allow)
	if verb == "allow/add" {
		list = append(list, p)
	}
	problem := error(nil)
	switch {
	case verb == "allow/remove" && !found:
		problem = notAllowed(g.allow, p)
	case len(list) > maxAllowed:
		problem = &ctl.Problem{What: fmt.Sprintf("the allow list is full: it has room for %d networks", maxAllowed), Hint: "postward allow list; a wider network takes the place of several"}
	}
	if problem != nil {
		g.mu.Unlock()
		return ctl.AllowAnswer{}, problem
	}
	text, err := json.Marshal(list)
	if err != nil {
		g.mu.Unlock()
		return ctl.AllowAnswer{}, fmt.Errorf("write the allow list: %w", err)
	}
	g.allow = list
	g.watch.Allow(list)
	kind := map[string]guard.Kind{"allow/add": guard.KindSpared, "allow/remove": guard.KindUnspared}[verb]
	g.note(&guard.Event{Kind: kind, Actor: actor, Prefix: p})
	g.writer.SetCursor(allowName, string(text))
	g.all = true // the kernel has them, too
	g.mu.Unlock()
	g.wake()
	return g.Allowed(), g.writer.Flush(ctx)
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

// longestProtect is for how long a person may have an account protected.
const longestProtect = 30 * 24 * time.Hour

// Protect protects an account for a time, or ends that.
func (g *Gate) Protect(ctx context.Context, actor string, r ctl.ProtectRequest) (ctl.ProtectAnswer, error) {
	name, isNew, err := g.LoginName(r.Account)
	if err != nil {
		return ctl.ProtectAnswer{}, err
	}
	if r.For < 0 || r.For > longestProtect {
		return ctl.ProtectAnswer{}, &ctl.Problem{What: fmt.Sprintf("%s is too long for a protection, or too short", r.For), Hint: "a time up to 720h, like --for 24h"}
	}
	if isNew {
		g.state(func(s *guard.State) { name, _ = Named(s, name) })
	}
	t := g.lock()
	p := *g.watch.ProtectByHand(name, r.For, actor, t)
	g.note(&guard.Event{Kind: guard.KindProtected, Actor: actor, Account: name, Until: guard.TimeOf(p.Until)})
	g.changed = true
	g.mu.Unlock()
	g.Save(time.Now())
	g.tellOfTargets(time.Now())
	return ctl.ProtectAnswer{Protection: p, New: isNew}, g.writer.Flush(ctx)
}

// Protections are the protections of some accounts, by name.
func (g *Gate) Protections(names []string) map[string]guess.Protection {
	t := g.lock()
	defer g.mu.Unlock()
	found := map[string]guess.Protection{}
	for _, name := range names {
		if p := g.watch.Protected(name, t); p != nil {
			found[name] = *p
		}
	}
	return found
}
