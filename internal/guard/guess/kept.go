package guess

import (
	"iter"
	"math"
	"net/netip"
	"slices"
	"time"
	"unique"
)

// kept is a Ban as it is kept: there may be MaxBans, and each takes 40 octets instead of 200. Names come again and again.
type kept struct {
	since, until          int64                 // Unix microseconds
	who                   unique.Handle[string] // the account of the evidence; of a ban by hand, the operator
	seconds               uint32
	tries, names, sources uint16
	times                 uint16
	reason                uint8 // its place in Reasons
	logins                bool
}

func pack(b *Ban) kept {
	e, who := b.Evidence, b.Evidence.Account
	if b.By != "" {
		who = b.By
	}
	return kept{
		since: b.Since.UnixMicro(), until: b.Until.UnixMicro(), who: unique.Make(who), seconds: uint32(min(max(e.Seconds, 0), math.MaxUint32)), tries: small(e.Tries),
		names: small(e.Names), sources: small(e.Sources), times: small(b.Times), reason: uint8(slices.Index(Reasons, b.Reason)), logins: b.Logins,
	}
}

func small(n int) uint16 { return uint16(min(max(n, 0), math.MaxUint16)) }

// ban is the Ban of a prefix again.
func (k *kept) ban(p netip.Prefix) Ban {
	b := Ban{Prefix: p, Since: time.UnixMicro(k.since), Until: time.UnixMicro(k.until), Times: int(k.times), Logins: k.logins}
	b.Evidence = Evidence{Tries: int(k.tries), Names: int(k.names), Sources: int(k.sources), Seconds: int64(k.seconds)}
	if int(k.reason) < len(Reasons) { // else a postward that is newer wrote it
		b.Reason = Reasons[k.reason]
	}
	if b.Reason == ByHand {
		b.By = k.who.Value()
	} else {
		b.Evidence.Account = k.who.Value()
	}
	return b
}

// Ban returns what is remembered of a network's bans, or nil.
func (w *Watch) Ban(p netip.Prefix) *Ban {
	k, is := w.bans[p]
	if !is {
		return nil
	}
	b := k.ban(p)
	return &b
}

// Standing are the bans that stand, in no order.
func (w *Watch) Standing(now time.Time) iter.Seq[Ban] {
	return func(yield func(Ban) bool) {
		t := now.UnixMicro()
		for p, k := range w.bans {
			if t < k.until && !w.allowedWhole(p) && !yield(k.ban(p)) {
				return
			}
		}
	}
}

// CountBans returns how many bans stand.
func (w *Watch) CountBans(now time.Time) (n int) {
	for range w.Standing(now) {
		n++
	}
	return n
}

// Expect makes room for so many bans that are about to be recalled: what grows as they come takes a quarter more.
func (w *Watch) Expect(n int) {
	if len(w.bans) == 0 {
		w.bans = make(map[netip.Prefix]kept, min(n, MaxBans))
	}
}

// Recall takes up a ban that was written down.
func (w *Watch) Recall(b *Ban) { w.keep(b) }

// makeRoom forgets a tenth of the bans: those that end, or ended, first.
func (w *Watch) makeRoom() {
	ends := make([]int64, 0, len(w.bans))
	for _, k := range w.bans {
		ends = append(ends, k.until)
	}
	last, n := nth(ends, len(ends)/10), 0
	for p, k := range w.bans {
		if k.until < last {
			w.forgetBan(p)
			n++
		}
	}
	for p, k := range w.bans { // of those that end at once, as many as are too many
		if n >= len(ends)/10 {
			return
		}
		if k.until == last {
			w.forgetBan(p)
			n++
		}
	}
}

// nth returns which of some numbers has n smaller ones, and mixes them. They come in no order, so it takes as long as some walks.
func nth(all []int64, n int) int64 {
	for {
		pivot, less, equal, more := all[len(all)/2], 0, 0, len(all)
		for equal < more {
			switch at := all[equal]; {
			case at < pivot:
				all[less], all[equal] = at, all[less]
				less, equal = less+1, equal+1
			case at > pivot:
				more--
				all[equal], all[more] = all[more], at
			default:
				equal++
			}
		}
		switch {
		case n < less:
			all = all[:less]
		case n >= more:
			all, n = all[more:], n-more
		default:
			return pivot
		}
	}
}

func (w *Watch) forgetBan(p netip.Prefix) {
	delete(w.bans, p)
	w.gone = append(w.gone, p)
}
