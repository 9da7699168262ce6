package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// variant is one small attack, or one innocent, on a quiet site: the smallest input that an opponent who has read the detector
// found against it. Where it is both, the innocent is the point.
type variant struct {
	name  string
	what  string
	limit int // tries of one attack that may go through
	plan  func(*generator, string)
	site  func(*site) // what else holds there, before and while the log is written
	fold  bool        // the syslog daemon folds lines that are alike
}

// quiet lets people read and write at home and on the way, and nothing else.
func (g *generator) quiet() {
	for i, p := range g.site.people[:60] {
		m := good("quiet people", p.account)
		g.every(begin.Add(time.Duration(i)*time.Minute), begin.Add(length), 8*hour, func(at time.Time) { g.mailbox(m, at, "imap", p.home, right(p.account)) })
		g.every(begin.Add(time.Duration(i)*time.Minute), begin.Add(length), day, func(at time.Time) {
			g.submit(m, at, p.home, right(p.account))
			g.mailbox(m, at.Add(5*hour), "imap", g.site.onTheWay(p), right(p.account))
		})
	}
}

// play plays a variant, and returns what became of it.
func (v *variant) play(o options, f *form, dir string) (*report, error) {
	var truth bytes.Buffer
	path := filepath.Join(dir, "variant.log")
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	log := io.Writer(file)
	folded := &folder{to: bufio.NewWriter(file)}
	if v.fold {
		log = folded
	}
	g := newGenerator(o.seed, f, log, &truth)
	v.settle(g.site)
	g.quiet()
	v.plan(g, v.name)
	if err := g.run(); err != nil {
		return nil, err
	}
	if err := folded.flush(); err != nil {
		return nil, err
	}
	tries, err := inOrder(&truth)
	if err != nil {
		return nil, err
	}
	s := o.site()
	v.settle(s)
	answers, err := asked(path, detectors[o.detector](s), tries)
	return judge(tries, answers, []attack{{name: v.name, limit: v.limit}}), err
}

func (v *variant) settle(s *site) {
	if v.site != nil {
		v.site(s)
	}
}

// oneTown has all people at home in the network of one provider.
func oneTown(s *site) {
	for _, p := range s.people[1:] {
		p.home = s.inSystem(s.people[0].home.addr)
	}
}

// playVariants prints what became of each. It is told, and fails nothing: they are an opponent's, and some stand for what nobody
// can know.
func playVariants(o options) error {
	dir, err := os.MkdirTemp("", "postward-bench-guess-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, f := range o.forms {
		fmt.Printf("%s\n%-26s %-26s %s\n", f.name, "", "went through", "shut out")
		for _, v := range slices.Concat(guessers, lookalikes) {
			r, err := v.play(o, f, dir)
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			v.show(r, o.verbose)
		}
	}
	return nil
}

func (v *variant) show(r *report, verbose bool) {
	attacked, people := "-", []string{}
	if t := r.attacks[v.name]; t != nil {
		word := "found"
		if t.bad > 0 {
			word = "MISSED"
		}
		attacked = fmt.Sprintf("%s %d of %d", word, t.open, t.tries)
	}
	for _, kind := range slices.Sorted(maps.Keys(r.innocents)) {
		if t := r.innocents[kind]; t.bad > 0 {
			people = append(people, fmt.Sprintf("%d %s", t.bad, kind))
		}
	}
	fmt.Printf("%-26s %-26s %-22s %s\n", v.name, attacked, strings.Join(people, ", "), v.what)
	if verbose {
		r.blamed()
	}
}

// folder is a syslog daemon that folds messages that are alike, as rsyslog does (RepeatedMsgReduction).
type folder struct {
	to    *bufio.Writer
	stamp []byte
	tag   []byte
	text  []byte
	more  int
	part  []byte
}

// Write takes whole lines and parts of lines.
func (f *folder) Write(b []byte) (int, error) {
	n := len(b)
	for {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		f.part = append(f.part, line...)
		if !whole {
			return n, nil
		}
		f.line(f.part)
		f.part, b = f.part[:0], rest
	}
}

// line takes one, of a stamp, a host, and a tag up to the first ": ".
func (f *folder) line(line []byte) {
	const host = " mx "
	stamp := bytes.Index(line, []byte(host)) + len(host)
	tag, text, _ := bytes.Cut(line[stamp:], []byte(": "))
	if bytes.Equal(tag, f.tag) && bytes.Equal(text, f.text) {
		f.more++
		f.stamp = append(f.stamp[:0], line[:stamp]...)
		return
	}
	f.say()
	f.tag, f.text = append(f.tag[:0], tag...), append(f.text[:0], text...)
	fmt.Fprintf(f.to, "%s\n", line)
}

func (f *folder) say() {
	switch {
	case f.more == 1:
		fmt.Fprintf(f.to, "%s%s: %s\n", f.stamp, f.tag, f.text)
	case f.more > 1:
		fmt.Fprintf(f.to, "%s%s: message repeated %d times: [ %s]\n", f.stamp, f.tag, f.more, f.text)
	}
	f.more = 0
}

func (f *folder) flush() error {
	f.say()
	return f.to.Flush()
}

// friday is when variants begin: people have been there for four days.
var friday = begin.Add(4 * day).Add(8 * hour)

func bot(g *generator) client { return g.site.stranger("bot") }

// imapAt lets a guesser try once, at IMAP: two lines, and nothing that he does besides.
func (g *generator) imapAt(at time.Time, m *mark, c client, name string) {
	g.visit(at, func(at time.Time) { g.mailbox(m, at, "imap", c, g.guess(name)) })
}

// inSystem is an address of the autonomous system in which another is.
func (s *site) inSystem(of netip.Addr) client {
	asn := s.table.Lookup(of).ASN
	near, _ := of.Prefix(12)
	for {
		if a := s.within(near); s.table.Lookup(a).ASN == asn {
			return client{"unknown", a}
		}
	}
}

func (g *generator) inSystem(of netip.Addr) client { return g.site.inSystem(of) }

// oneSystem is a /32 of IPv6 that one autonomous system has.
func (g *generator) oneSystem() netip.Prefix {
	for {
		whole := netip.PrefixFrom(g.site.address6(), 32).Masked()
		asn, same := g.site.table.Lookup(g.site.within(whole)).ASN, true
		for range 100 {
			same = same && asn != 0 && g.site.table.Lookup(g.site.within(whole)).ASN == asn
		}
		if same {
			return whole
		}
	}
}
