package daemon

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

// keepOut has the kernel keep out who is banned, until ctx ends: at once what is new, and each minute all of it.
func (d *Daemon) keepOut(ctx context.Context) error {
	minute := time.NewTicker(compareEvery)
	defer minute.Stop()
	d.compareBans(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.gate.news:
			d.tellBans(ctx)
		case <-minute.C:
			d.compareBans(ctx)
		}
	}
}

// tellBans tells the kernel what is new.
func (d *Daemon) tellBans(ctx context.Context) {
	bans, lift, all := d.takeNews()
	switch {
	case all:
		d.gate.agreed = 0
		d.compareBans(ctx)
		return
	case !d.kernelBans():
		d.gate.vetted = d.spareRefused(ctx, bans) && d.gate.vetted
		return
	}
	var err error
	if len(lift) > 0 {
		err = d.warden.Unban(ctx, lift)
	}
	if err == nil && len(bans) > 0 {
		err = d.ban(ctx, bans)
	}
	if errors.Is(err, nft.ErrUnavailable) {
		d.gate.vetted = d.spareRefused(ctx, bans) && d.gate.vetted
	}
	if err != nil { // the table is not there, or not whole: all of it, then
		d.gate.agreed = 0
		d.compareBans(ctx)
	}
}

// takeNews returns what the kernel is to be told of, once. all: it is to be compared whole.
func (d *Daemon) takeNews() (bans []nft.Ban, lift []netip.Prefix, all bool) {
	t := d.lockGate()
	defer d.gate.mu.Unlock()
	for _, p := range d.gate.tell {
		if b := d.gate.watch.Ban(p); b != nil { // else it was lifted meanwhile
			if ban, ok := inForce(b, t); ok {
				bans = append(bans, ban)
			}
		}
	}
	lift, all = d.gate.lift, d.gate.all
	d.gate.vetted = d.gate.vetted && !all
	d.gate.tell, d.gate.lift, d.gate.all = nil, nil, false
	return bans, lift, all
}

// inForce is a ban as the kernel has it: with the time that is left. ok is false where that is none.
func inForce(b *guess.Ban, t time.Time) (ban nft.Ban, ok bool) {
	left := b.Until.Sub(t).Round(time.Second)
	return nft.Ban{Prefix: b.Prefix, For: min(left, guess.LongestBan), Logins: b.Logins}, left >= time.Second
}

// ban bans, and lifts what the parent refuses to ban: it is an administrator's, or the host's own.
func (d *Daemon) ban(ctx context.Context, bans []nft.Ban) error {
	refused, err := d.warden.Ban(ctx, bans)
	if errors.Is(err, warden.ErrSessionsStay) {
		d.log.Info("open sessions of the banned are left to end by themselves", "why", err)
		err = nil
	}
	if d.spareAll(bans, refused) {
		d.gate.agreed = 0 // the kernel may have an older ban of the same network
	}
	return err
}

func (d *Daemon) spareAll(bans []nft.Ban, refused []error) (any bool) {
	for i, why := range refused {
		if why != nil {
			d.spare(bans[i].Prefix, why)
			any = true
		}
	}
	return any
}

// spareRefused lifts what the parent would refuse to ban, where the kernel is told of no ban: who is banned is refused when he speaks,
// and the administrator no less. done: the parent was asked about all of them.
func (d *Daemon) spareRefused(ctx context.Context, bans []nft.Ban) (done bool) {
	if !d.config.BansEnforced() {
		return false
	}
	refused, err := d.warden.Refused(ctx, bans)
	if err != nil && ctx.Err() == nil {
		d.log.Warn("it is not known whether this host, or who is logged in to it, is among the banned", "err", err)
	}
	d.spareAll(bans, refused)
	return err == nil
}

// spare lifts a ban that the parent refuses.
func (d *Daemon) spare(p netip.Prefix, why error) {
	d.log.Warn("a ban is not carried out, and is lifted", "network", p, "why", why)
	d.gate.mu.Lock()
	defer d.gate.mu.Unlock()
	d.gate.watch.Lift(p)
	d.writer.SetBan(p.String(), "")
	if len(d.gate.spared) >= maxAllowed {
		clear(d.gate.spared)
	}
	d.gate.spared[p] = sparing{time.Now().Add(sparedFor), why.Error()}
	d.note(&guard.Event{Kind: guard.KindUnbanned, Prefix: p, Text: why.Error()})
}

// sparing is what the parent said to a ban, and until when it is not asked again.
type sparing struct {
	until time.Time
	why   string
}

// refusal says why the parent lately refused to ban an address; empty: it did not. That of a network tells nothing of each in it:
// beside this host lies whoever rents there. The caller holds the gate's mutex.
func (g *gate) refusal(a netip.Addr, t time.Time) (why string) {
	for p, r := range g.spared {
		if aSource(p) && p.Contains(a) && t.Before(r.until) {
			return r.why
		}
	}
	return ""
}

// aSource reports whether a prefix is what is counted of one client: an address, or a /64.
func aSource(p netip.Prefix) bool { return p.IsSingleIP() || p.Addr().Is6() && p.Bits() >= 64 }

// refusedLately reports whether the parent lately refused to ban just this. The caller holds the gate's mutex.
func (g *gate) refusedLately(p netip.Prefix, t time.Time) bool { return t.Before(g.spared[p].until) }

// compareBans makes the table if somebody is banned and it is not there, or not as it should be, and has the same bans in it as
// are in force here.
func (d *Daemon) compareBans(ctx context.Context) {
	err := d.sameBans(ctx)
	if ctx.Err() != nil {
		return
	}
	d.gate.mu.Lock()
	before := d.gate.keeps
	d.gate.keeps = err
	d.gate.mu.Unlock()
	if err != nil && err != errNotAsked && (before == nil || before.Error() != err.Error()) {
		d.log.Error("the kernel keeps nobody out: who is banned is refused when he speaks", "err", err)
	}
}

// sameBans is compareBans, if anything was changed since both were the same.
func (d *Daemon) sameBans(ctx context.Context) error {
	generation, err := d.warden.Generation(ctx)
	if err == nil && generation == d.gate.agreed {
		return nil
	}
	same, err := d.makeSame(ctx)
	d.gate.agreed = 0
	if same {
		d.gate.agreed = generation
	}
	return err
}

// makeSame is compareBans. same says that nothing had to be done.
func (d *Daemon) makeSame(ctx context.Context) (same bool, err error) {
	d.gate.mu.Lock()
	allow := slices.Clone(d.gate.allow)
	d.gate.vetted = d.gate.vetted && len(d.gate.tell) == 0 && !d.gate.all
	d.gate.tell, d.gate.lift, d.gate.all = nil, nil, false
	d.gate.mu.Unlock()
	var want []standingBan
	if d.kernelBans() {
		want = d.standing()
	} else {
		d.vet(ctx)
	}
	if len(want) > maxTell {
		defer frugally()()
	}
	if len(want) > 0 {
		made, err := d.warden.Ensure(ctx, allow)
		if errors.Is(err, nft.ErrUnavailable) {
			d.vet(ctx)
		}
		if err != nil {
			return false, err
		}
		if made {
			d.log.Info("the table of bans was made, or mended", "bans", len(want))
		}
	}
	c := comparison{want: want, had: make([]bool, len(want))}
	for b, failed := range d.warden.Bans(ctx) {
		if err = failed; err == nil {
			c.has(b)
		}
	}
	switch {
	case len(want) == 0 && (errors.Is(err, nft.ErrMissing) || !d.kernelBans()):
		err = nil // there is no table until somebody is banned; in shadow nobody need be
	case err != nil:
		return false, err
	}
	missing, over := c.missing(), c.over
	if len(over) > 0 {
		if err := d.warden.Unban(ctx, over); err != nil {
			return false, err
		}
	}
	if d.config.BansEnforced() && !d.config.Guessing.Kernel {
		return false, errNotAsked
	}
	if len(missing) == 0 {
		return len(over) == 0, nil
	}
	return false, d.ban(ctx, missing)
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
func (d *Daemon) vet(ctx context.Context) {
	if d.gate.vetted || !d.config.BansEnforced() {
		return
	}
	var bans []nft.Ban
	for _, b := range d.standing() {
		bans = append(bans, b.ban())
	}
	d.gate.vetted = d.spareRefused(ctx, bans)
}

// errNotAsked says that the operator does not want anything in nftables.
var errNotAsked = errors.New("guessing.kernel is false")

// kernelBans reports whether the kernel keeps out who is banned, as far as the configuration says.
func (d *Daemon) kernelBans() bool { return d.config.BansEnforced() && d.config.Guessing.Kernel }

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
func (d *Daemon) standing() []standingBan {
	t := d.lockGate()
	all := make([]standingBan, 0, d.gate.watch.CountBans(t))
	for b := range d.gate.watch.Standing(t) {
		if ban, ok := inForce(&b, t); ok {
			all = append(all, standingOf(ban, b.Since.UnixMicro()))
		}
	}
	d.gate.mu.Unlock()
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

// keptOut is the answer to a client that is banned where the kernel lets it in; ok is false for everybody else. Nothing is lost: a
// mail server that shares the address tries again. Where logins alone are banned the mail of others is taken, and who logged in by port 25,
// with a password that nobody was asked about, is put off unless he is at home there.
func (d *Daemon) keptOut(client netip.Addr, login string) (answer milter.Answer, ok bool) {
	if !d.config.BansEnforced() {
		return answer, false
	}
	t := d.lockGate()
	defer d.gate.mu.Unlock()
	b := d.gate.watch.Banned(client, t)
	if b == nil || b.Logins && (login == "" || !d.bansLogin(login, client, t)) {
		return answer, false
	}
	text := fmt.Sprintf("%s is kept out until %s for guessing passwords; the administrator can let it in", client, b.Until.UTC().Format(time.RFC3339))
	return milter.Answer{Action: guard.Tempfail, Reply: guard.Reply{Code: 451, Enhanced: "4.7.1", Text: text}}, true
}

// bansLogin reports whether somebody may not log in where he comes from, for it is banned. The caller holds the gate's mutex.
func (d *Daemon) bansLogin(account string, client netip.Addr, t time.Time) bool {
	asn := d.asn(client)
	d.mu.Lock()
	l := d.loginOf(account, client, asn, t)
	d.mu.Unlock()
	return d.gate.watch.May(l) == guess.RefusedBanned
}

// kernelKeeps reports whether who is banned reaches no port that is closed to him. The caller holds the gate's mutex.
func (d *Daemon) kernelKeeps() bool { return d.kernelBans() && d.gate.keeps == nil }
