package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"postward/bench/internal/mailcost"
	"postward/test/rig"
	"postward/test/world"
)

// load is a direction, a size, and how long the resolver waits.
type load struct {
	direction string
	octets    int
	dns       time.Duration
}

// Directions.
const (
	in  = "in"
	out = "out"
)

// step is a load that each way gets, the one after the other.
type step struct {
	load
	count int
	post  *post
}

const (
	small = 2_000
	slow  = 50 * time.Millisecond
)

// oneByOne are the rounds in which mails are sent one after the other.
const oneByOne = 5

// order plans everything: rounds of each size both ways, and of small mails from outside with a slow resolver; then turns of mails
// one after the other.
func (b *bench) order(mails int) {
	b.warm = []step{{load{in, 1000, 0}, 100, nil}, {load{out, 1000, 0}, 200, nil}}
	of := map[int]int{small: mails, 20_000: mails / 2, 200_000: mails / 10}
	for range rounds {
		for _, l := range loads() {
			count := of[l.octets]
			if l.dns > 0 {
				count /= 2
			}
			b.plan = append(b.plan, step{l, count, nil})
		}
	}
	for range oneByOne {
		for _, l := range singles() {
			count := max(mails/2/oneByOne, 20)
			if l.octets > small {
				count = max(mails/40, 5)
			}
			b.turns = append(b.turns, step{l, count, nil})
		}
	}
	n, hosts := 0, 1
	for _, steps := range [][]step{b.warm, b.plan, b.turns} {
		for i := range steps {
			s := &steps[i]
			s.post = &post{direction: s.direction, number: n, octets: s.octets, count: s.count, first: hosts}
			n, hosts = n+1, hosts+s.post.domains()
		}
	}
}

// loads are those of many sessions at a time, in the order in which they are shown.
func loads() []load {
	var all []load
	for _, direction := range []string{in, out} {
		for _, octets := range []int{small, 20_000, 200_000} {
			all = append(all, load{direction, octets, 0})
		}
	}
	return append(all, load{in, small, slow})
}

// singles are those of mails one after the other. The larger ones add no question: they are fewer.
func singles() []load {
	return []load{{in, small, 0}, {in, small, slow}, {in, 20_000, slow}, {in, 200_000, slow},
		{out, small, 0}, {out, small, slow}, {out, 20_000, 0}, {out, 200_000, 0}}
}

// furnish makes the keys, and the resolver of the room with all names.
func (b *bench) furnish(context.Context) (err error) {
	b.keys = make([]pair, pool)
	for i := range b.keys {
		if b.keys[i], err = newPair(); err != nil {
			return err
		}
	}
	if err := b.keep(); err != nil {
		return err
	}
	if b.names, err = world.StartServer("127.0.0.1:53"); err != nil {
		return err
	}
	b.parts.Add(b.names.Close)
	var zone strings.Builder
	zone.WriteString("$TTL 3600\nexample.org. NS ns.example.org.\nns.example.org. A 127.0.0.1\nexample.org. TXT \"v=spf1 ip4:192.0.2.25 -all\"\n" +
		"_dmarc.example.org. TXT \"v=DMARC1; p=none\"\n" + b.ours.pair.records("example.org"))
	for _, steps := range [][]step{b.warm, b.plan, b.turns} {
		for _, s := range steps {
			if s.direction == in {
				zone.WriteString(b.zone(s.post))
			}
		}
	}
	return b.names.SetZone(".", zone.String())
}

// run does what is planned. Each way's processes are there before anything counts, and anna's recipients are known.
func (b *bench) run(ctx context.Context) error {
	for _, s := range b.warm {
		if err := b.each(ctx, s, (*way).once); err != nil {
			return err
		}
	}
	for _, w := range b.ways {
		w.runs, w.peak = map[load][]run{}, 0
	}
	for i, s := range b.plan {
		tell("%d of %d: %s, %d mails of %d octets, DNS %s", i+1, len(b.plan), s.direction, s.count, s.octets, s.dns)
		if err := b.each(ctx, s, (*way).once); err != nil {
			return err
		}
	}
	for i, s := range b.turns {
		tell("one by one, %d of %d: %s, %d mails, DNS %s", i+1, len(b.turns), s.direction, s.count, s.dns)
		if err := b.each(ctx, s, (*way).slowly); err != nil {
			return err
		}
	}
	return nil
}

func tell(format string, args ...any) { fmt.Fprintf(os.Stderr, "auth: "+format+"\n", args...) }

// each has every way do a step; who begins changes. The mails are written before, and the resolver knows nothing when a way begins.
func (b *bench) each(ctx context.Context, s step, do func(*way, context.Context, *bench, step) ([]rig.Mail, error)) error {
	if err := b.write(s.post); err != nil {
		return err
	}
	defer func() { s.post.mails = nil }() // up to twenty megabytes
	n := s.post.number % len(b.ways)
	for _, w := range slices.Concat(b.ways[n:], b.ways[:n]) {
		b.names.Forget()
		b.names.Behave(".", world.Behaviour{Wait: s.dns, Known: true})
		sent, err := do(w, ctx, b, s)
		if err == nil {
			w.count(b.names, s)
			err = w.seen.look(ctx, s.direction, sent, w.site.Sink.Deliveries())
		}
		if err := b.without(w.name, err); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// once measures a step with many sessions at a time.
func (w *way) once(ctx context.Context, b *bench, s step) (sent []rig.Mail, err error) {
	r, err := w.measured(s.count, func() (rate float64, err error) {
		sent, err = w.send(ctx, b, s, parallel)
		_, rate = rig.Rate(sent)
		return rate, err
	})
	w.runs[s.load] = append(w.runs[s.load], r)
	return sent, err
}

// slowly sends the mails of a step one after the other, and keeps how long each took.
func (w *way) slowly(ctx context.Context, b *bench, s step) ([]rig.Mail, error) {
	sent, err := w.send(ctx, b, s, 1)
	for i := range sent {
		w.took[s.load] = append(w.took[s.load], mailcost.Took(sent[i].Steps))
	}
	return sent, err
}

// send sends the mails of a step, and waits until all have arrived.
func (w *way) send(ctx context.Context, b *bench, s step, parallel int) ([]rig.Mail, error) {
	w.site.Sink.Forget()
	sent := b.by(s.post, w.site.Postfix, parallel).Send(ctx)
	for i := range sent {
		if m := &sent[i]; m.Outcome != rig.Accepted {
			return nil, fmt.Errorf("a mail was not accepted: %d %s\n%s", m.Code, m.Reply, w.site.Postfix.LogTail(5))
		}
	}
	return sent, w.site.Sink.WaitLen(ctx, s.count)
}

// count counts what the resolver was asked in a step.
func (w *way) count(names *world.Server, s step) {
	if s.direction != in {
		return
	}
	for _, times := range names.Questions() {
		w.asked, w.new = w.asked+times, w.new+1
	}
}
