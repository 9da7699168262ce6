package gate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"slices"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/host/nft"
	"postward/internal/host/warden"
	"postward/internal/mail/milter"
)

// compareEvery is how often the kernel's bans are compared with ours: somebody may have flushed the ruleset.
const compareEvery = time.Minute

// sparedFor is how long nobody tries again to ban what the parent refuses to ban.
const sparedFor = 24 * time.Hour

// KeepOut has the kernel keep out who is banned, until ctx ends: at once what is new, and each minute all of it.
func (g *Gate) KeepOut(ctx context.Context) error {
	minute := time.NewTicker(compareEvery)
	defer minute.Stop()
	g.compareBans(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.news:
			g.tellBans(ctx)
		case <-minute.C:
			g.compareBans(ctx)
		}
	}
}

// tellBans tells the kernel what is new.
func (g *Gate) tellBans(ctx context.Context) {
	bans, lift, all := g.takeNews()
	switch {
	case all:
		g.agreed = 0
		g.compareBans(ctx)
		return
	case !g.kernelBans():
		g.vetted = g.spareRefused(ctx, bans) && g.vetted
		return
	}
	var err error
	if len(lift) > 0 {
		err = g.warden.Unban(ctx, lift)
	}
	if err == nil && len(bans) > 0 {
		err = g.ban(ctx, bans)
	}
	if errors.Is(err, nft.ErrUnavailable) {
		g.vetted = g.spareRefused(ctx, bans) && g.vetted
	}
	if err != nil { // the table is not there, or not whole: all of it, then
		g.agreed = 0
		g.compareBans(ctx)
	}
}

// takeNews returns what the kernel is to be told of, once. all: it is to be compared whole.
func (g *Gate) takeNews() (bans []nft.Ban, lift []netip.Prefix, all bool) {
	t := g.lock()
	defer g.mu.Unlock()
	for _, p := range g.tell {
		if b := g.watch.Ban(p); b != nil { // else it was lifted meanwhile
			if ban, ok := inForce(b, t); ok {
				bans = append(bans, ban)
			}
		}
	}
	lift, all = g.lift, g.all
	g.vetted = g.vetted && !all
	g.tell, g.lift, g.all = nil, nil, false
	return bans, lift, all
}

// inForce is a ban as the kernel has it: with the time that is left. ok is false where that is none.
func inForce(b *guess.Ban, t time.Time) (ban nft.Ban, ok bool) {
	left := b.Until.Sub(t).Round(time.Second)
	return nft.Ban{Prefix: b.Prefix, For: min(left, guess.LongestBan), Logins: b.Logins}, left >= time.Second
}

// ban bans, and lifts what the parent refuses to ban: it is an administrator's, or the host's own.
func (g *Gate) ban(ctx context.Context, bans []nft.Ban) error {
	refused, err := g.warden.Ban(ctx, bans)
	if errors.Is(err, warden.ErrSessionsStay) {
		g.log.Info("open sessions of the banned are left to end by themselves", "why", err)
		err = nil
	}
	if g.spareAll(bans, refused) {
		g.agreed = 0 // the kernel may have an older ban of the same network
	}
	return err
}

func (g *Gate) spareAll(bans []nft.Ban, refused []error) (any bool) {
	for i, why := range refused {
		if why != nil {
			g.spare(bans[i].Prefix, why)
			any = true
		}
	}
	return any
}

// spareRefused lifts what the parent would refuse to ban, where the kernel is told of no ban: who is banned is refused when he speaks,
// and the administrator no less. done: the parent was asked about all of them.
func (g *Gate) spareRefused(ctx context.Context, bans []nft.Ban) (done bool) {
	if !g.config.BansEnforced() {
		return false
	}
	refused, err := g.warden.Refused(ctx, bans)
	if err != nil && ctx.Err() == nil {
		g.log.Warn("it is not known whether this host, or who is logged in to it, is among the banned", "err", err)
	}
	g.spareAll(bans, refused)
	return err == nil
}

// spare lifts a ban that the parent refuses.
func (g *Gate) spare(p netip.Prefix, why error) {
	g.log.Warn("a ban is not carried out, and is lifted", "network", p, "why", why)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watch.Lift(p)
	g.writer.SetBan(p.String(), "")
	if len(g.sparings) >= maxAllowed {
		clear(g.sparings)
	}
	g.sparings[p] = sparing{time.Now().Add(sparedFor), why.Error()}
	g.note(&guard.Event{Kind: guard.KindUnbanned, Prefix: p, Text: why.Error()})
}

// sparing is what the parent said to a ban, and until when it is not asked again.
type sparing struct {
	until time.Time
	why   string
}

// refusal says why the parent lately refused to ban an address; empty: it did not. That of a network tells nothing of each in it:
// beside this host lies whoever rents there. The caller holds the gate's mutex.
func (g *Gate) refusal(a netip.Addr, t time.Time) (why string) {
	for p, r := range g.sparings {
		if aSource(p) && p.Contains(a) && t.Before(r.until) {
			return r.why
		}
	}
	return ""
}

// aSource reports whether a prefix is what is counted of one client: an address, or a /64.
func aSource(p netip.Prefix) bool { return p.IsSingleIP() || p.Addr().Is6() && p.Bits() >= 64 }

// refusedLately reports whether the parent lately refused to ban just this. The caller holds the gate's mutex.
func (g *Gate) refusedLately(p netip.Prefix, t time.Time) bool { return t.Before(g.sparings[p].until) }

// compareBans makes the table if somebody is banned and it is not there, or not as it should be, and has the same bans in it as
// are in force here.
func (g *Gate) compareBans(ctx context.Context) {
	err := g.sameBans(ctx)
	if ctx.Err() != nil {
		return
	}
	g.mu.Lock()
	before := g.keeps
	g.keeps = err
	g.mu.Unlock()
	if err != nil && err != errNotAsked && (before == nil || before.Error() != err.Error()) {
		g.log.Error("the kernel keeps nobody out: who is banned is refused when he speaks", "err", err)
	}
}

// sameBans is compareBans, if anything was changed since both were the same.
func (g *Gate) sameBans(ctx context.Context) error {
	generation, err := g.warden.Generation(ctx)
	if err == nil && generation == g.agreed {
		return nil
	}
	same, err := g.makeSame(ctx)
	g.agreed = 0
	if same {
		g.agreed = generation
	}
	return err
}

// makeSame is compareBans. same says that nothing had to be done.
func (g *Gate) makeSame(ctx context.Context) (same bool, err error) {
	g.mu.Lock()
	allow := slices.Clone(g.allow)
	g.vetted = g.vetted && len(g.tell) == 0 && !g.all
	g.tell, g.lift, g.all = nil, nil, false
	g.mu.Unlock()
	var want []standingBan
	if g.kernelBans() {
		want = g.standing()
	} else {
		g.vet(ctx)
	}
	if len(want) > maxTell {
		defer frugally()()
	}
	if len(want) > 0 {
		made, err := g.warden.Ensure(ctx, allow)
		if errors.Is(err, nft.ErrUnavailable) {
			g.vet(ctx)
		}
		if err != nil {
			return false, err
		}
		if made {
			g.log.Info("the table of bans was made, or mended", "bans", len(want))
		}
	}
	c := comparison{want: want, had: make([]bool, len(want))}
	for b, failed := range g.warden.Bans(ctx) {
		if err = failed; err == nil {
			c.has(b)
		}
	}
	switch {
	case len(want) == 0 && (errors.Is(err, nft.ErrMissing) || !g.kernelBans()):
		err = nil // there is no table until somebody is banned; in shadow nobody need be
	case err != nil:
		return false, err
	}
	missing, over := c.missing(), c.over
	if len(over) > 0 {
		if err := g.warden.Unban(ctx, over); err != nil {
			return false, err
		}
	}
	if g.config.BansEnforced() && !g.config.Guessing.Kernel {
		return false, errNotAsked
	}
	if len(missing) == 0 {
		return len(over) == 0, nil
	}
	return false, g.ban(ctx, missing)
}

// frugally has garbage collected often until it is over, and then gives back what it took: what comparing so many takes would stay until
// a memory has grown that mostly rests. It costs some tenths of a second of CPU, and spares 7 MiB of the most.
func frugally() (over func()) {
	before := debug.SetGCPercent(10)
	return func() {
		debug.SetGCPercent(before)
		debug.FreeOSMemory()
	}
}

// vet lifts, of the bans that stand where the kernel is not told of them, those that the parent refuses: once, for what is new is asked
// about when it comes.
func (g *Gate) vet(ctx context.Context) {
	if g.vetted || !g.config.BansEnforced() {
		return
	}
	var bans []nft.Ban
	for _, b := range g.standing() {
		bans = append(bans, b.ban())
	}
	g.vetted = g.spareRefused(ctx, bans)
}

// errNotAsked says that the operator does not want anything in nftables.
var errNotAsked = errors.New("guessing.kernel is false")

// kernelBans reports whether the kernel keeps out who is banned, as far as the configuration says.
func (g *Gate) kernelBans() bool { return g.config.BansEnforced() && g.config.Guessing.Kernel }

// agrees is by how much the time that is left of a ban may differ from ours: a minute is nothing.
const agrees = time.Minute

// standingBan is one that stands, as the kernel has it, and since when. There may be a hundred thousand, and each takes 32 octets instead
// of 56.
type standingBan struct {
	since  int64    // Unix microseconds
	addr   [16]byte // of IPv4: mapped
	left   uint32   // seconds
	bits   uint8    // of addr
	logins bool
}

// standingOf packs a ban, which is for whole seconds.
func standingOf(b nft.Ban, since int64) standingBan {
	a := b.Prefix.Addr()
	return standingBan{since, a.As16(), uint32(b.For / time.Second), uint8(b.Prefix.Bits() + 128 - a.BitLen()), b.Logins}
}

func (s *standingBan) ban() nft.Ban {
	a, bits := netip.AddrFrom16(s.addr), int(s.bits)
	if a.Is4In6() {
		a, bits = a.Unmap(), bits-96
	}
	return nft.Ban{Prefix: netip.PrefixFrom(a, bits), For: time.Duration(s.left) * time.Second, Logins: s.logins}
}

func (s standingBan) compare(o standingBan) int {
	return cmp.Or(bytes.Compare(s.addr[:], o.addr[:]), cmp.Compare(s.bits, o.bits))
}

// standing are all that stand, by address. They are sorted when the gate is free again: the caller does not hold its mutex.
func (g *Gate) standing() []standingBan {
	t := g.lock()
	all := make([]standingBan, 0, g.watch.CountBans(t))
	for b := range g.watch.Standing(t) {
		if ban, ok := inForce(&b, t); ok {
			all = append(all, standingOf(ban, b.Since.UnixMicro()))
		}
	}
	g.mu.Unlock()
	slices.SortFunc(all, standingBan.compare)
	return all
}

// comparison tells what the kernel lacks, or has in another way, and what it has and should not: what it has is said one by one.
type comparison struct {
	want  []standingBan // by prefix
	had   []bool        // which of them
	other map[int]bool  // which of them are of all ports where they should be of logins alone, or the other way round
	over  []netip.Prefix
}

// has notes a ban that the kernel has.
func (c *comparison) has(b nft.Ban) {
	i, wanted := slices.BinarySearchFunc(c.want, standingOf(b, 0), standingBan.compare)
	if !wanted {
		c.over = append(c.over, b.Prefix)
		return
	}
	if w := c.want[i].ban(); w.Logins == b.Logins {
		c.had[i] = (w.For - b.For).Abs() <= agrees
		return
	}
	if c.other == nil {
		c.other = map[int]bool{}
	}
	c.other[i] = true
}

// missing are the bans that the kernel lacks, the newest first.
func (c *comparison) missing() []nft.Ban {
	var lacks []standingBan
	for i, had := range c.had {
		if !had || c.other[i] {
			lacks = append(lacks, c.want[i])
		}
	}
	slices.SortStableFunc(lacks, func(a, b standingBan) int { return cmp.Compare(b.since, a.since) })
	bans := make([]nft.Ban, len(lacks))
	for i := range lacks {
		bans[i] = lacks[i].ban()
	}
	return bans
}

// KeptOut is the answer to a client that is banned where the kernel lets it in; ok is false for everybody else. Nothing is lost: a
// mail server that shares the address tries again. Where logins alone are banned the mail of others is taken, and who logged in by port 25,
// with a password that nobody was asked about, is put off unless he is at home there.
func (g *Gate) KeptOut(client netip.Addr, login string) (answer milter.Answer, ok bool) {
	if !g.config.BansEnforced() {
		return answer, false
	}
	t := g.lock()
	defer g.mu.Unlock()
	b := g.watch.Banned(client, t)
	if b == nil || b.Logins && (login == "" || !g.bansLogin(login, client, t)) {
		return answer, false
	}
	text := fmt.Sprintf("%s is kept out until %s for guessing passwords; the administrator can let it in", client, b.Until.UTC().Format(time.RFC3339))
	return milter.Answer{Action: guard.Tempfail, Reply: guard.Reply{Code: 451, Enhanced: "4.7.1", Text: text}}, true
}

// bansLogin reports whether somebody may not log in where he comes from, for it is banned. The caller holds the gate's mutex.
func (g *Gate) bansLogin(account string, client netip.Addr, t time.Time) bool {
	asn := g.asn(client)
	var l guess.Login
	g.state(func(s *guard.State) { l = g.loginOf(s, account, client, asn, t) })
	return g.watch.May(l) == guess.RefusedBanned
}

// kernelKeeps reports whether who is banned reaches no port that is closed to him. The caller holds the gate's mutex.
func (g *Gate) kernelKeeps() bool { return g.kernelBans() && g.keeps == nil }
