// Command guess measures how guessers are kept out: one generated log of ordinary traffic with attacks and people who only look
// like one in it, whose truth is known, read by postward, by fail2ban and by sshguard with their own limits, and judged alike:
// attacks that were found or missed, innocents who were shut out, and what reading costs.
//
// The log is what it is whatever a detector says: who is banned goes on in it. So a try counts as kept out when its address is
// banned or its account protected at that time, and only how many went through is judged. A ban that ran out lets the next try
// through again. That a protected account keeps somebody out takes Dovecot asking postward (its auth policy); of fail2ban and sshguard
// the firewall is asked alone.
//
//	guess -lines 1000000 -forms bookworm,trixie
//	guess -keep DIR          leave the log and its truth there
//	guess -be DIR/bookworm.log -cpuprofile FILE
//	guess -variants -v       small attacks and innocents, each alone on a quiet site
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
)

// Goals of postward, for a million lines.
const (
	goalCPU = 0.7 // seconds
	goalPSS = 64  // MiB
)

func main() {
	o := options{}
	flag.IntVar(&o.lines, "lines", 1_000_000, "about how many lines a log has; attacks and innocents are all in it")
	flag.Uint64Var(&o.seed, "seed", 1, "another seed, another log")
	names := flag.String("forms", "bookworm,trixie", "forms of the log; fail2ban and sshguard read the first alone")
	flag.BoolVar(&o.alone, "alone", false, "without fail2ban and sshguard")
	flag.StringVar(&o.keep, "keep", "", "a directory in which logs and truths stay")
	flag.StringVar(&o.detector, "detector", "postward", "postward, or nothing: a twin that lets everybody in")
	flag.BoolVar(&o.verbose, "v", false, "also print the first try by which each attack was missed, or each innocent shut out")
	small := flag.Bool("variants", false, "instead: small attacks and innocents by which an opponent found holes, one after the other")
	be := flag.String("be", "", "be the process that reads this log, and is measured")
	profile := flag.String("cpuprofile", "", "with -be: a file for a profile of what it spends")
	flag.Parse()
	err := o.choose(*names)
	switch {
	case err != nil:
	case *be != "":
		err = profiled(*profile, func() error { return read(*be, o.make()) })
	case *small:
		err = playVariants(o)
	default:
		err = run(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guess:", err)
		os.Exit(2)
	}
}

// profiled does something, and writes down where its time goes, if a file is named.
func profiled(path string, do func() error) error {
	if path == "" {
		return do()
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return do()
}

type options struct {
	lines    int
	seed     uint64
	forms    []*form
	alone    bool
	keep     string
	verbose  bool
	detector string
}

func (o *options) choose(names string) error {
	if detectors[o.detector] == nil {
		return fmt.Errorf("choose the detector: there is no %q", o.detector)
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(forms, func(f *form) bool { return f.name == name })
		if i < 0 {
			return fmt.Errorf("choose the form: there is no %q; there are bookworm, trixie and quiet", name)
		}
		o.forms = append(o.forms, forms[i])
	}
	return nil
}

// make is the detector, on the site of the seed.
func (o *options) make() detector {
	return detectors[o.detector](o.site())
}

func (o *options) site() *site { return newSite(rand.New(rand.NewPCG(o.seed, stream))) }

func run(o options) error {
	dir := o.keep
	if dir == "" {
		made, err := os.MkdirTemp("", "postward-bench-guess-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(made)
		dir = made
	}
	var all total
	for i, f := range o.forms {
		if err := play(o, f, dir, i > 0 || o.alone, &all); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	fmt.Printf("guess: found=%d missed=%d wrong=%d lines_per_s=%.0f cpu_s_per_M=%.2f pss_MiB=%.1f\n", all.found, all.missed, all.wrong, all.perSecond, all.cpu, all.pss)
	return all.goals()
}

// total is what the last line says: sums over all forms, and the worst cost.
type total struct {
	found, missed, wrong int
	perSecond, cpu, pss  float64
}

func (t *total) add(c *column, lines int) {
	found, missed, wrong := c.report.sum()
	t.found, t.missed, t.wrong = t.found+found, t.missed+missed, t.wrong+wrong
	if speed := c.cost.perSecond(lines); t.perSecond == 0 || speed < t.perSecond {
		t.perSecond = speed
	}
	t.cpu, t.pss = max(t.cpu, c.cost.perMillion(lines)), max(t.pss, c.cost.pss)
}

func (t *total) goals() error {
	var missed []error
	for _, g := range []struct {
		what      string
		got, goal float64
	}{{"attacks that are missed", float64(t.missed), 0}, {"innocents who are shut out", float64(t.wrong), 0}, {"CPU s a million lines", t.cpu, goalCPU}, {"MiB", t.pss, goalPSS}} {
		if g.got > g.goal {
			missed = append(missed, fmt.Errorf("%s: %.2f, the goal is %.2f", g.what, g.got, g.goal))
		}
	}
	return errors.Join(missed...)
}

// column is what one detector made of a log.
type column struct {
	name   string
	report *report
	cost   cost
}

func play(o options, f *form, dir string, alone bool, all *total) error {
	path := filepath.Join(dir, f.name+".log")
	lines, tries, err := generate(o, f, path)
	if err != nil {
		return err
	}
	fmt.Printf("%s (%s): %d lines, %d tries\n", f.name, f.what, lines, len(tries))
	ours, err := postward(o, path, tries)
	if err != nil {
		return err
	}
	all.add(ours, lines)
	columns := []*column{ours}
	if !alone {
		columns = append(columns, peers(path, tries)...)
	}
	show(columns, lines)
	if o.verbose {
		ours.report.blamed()
	}
	return nil
}

// blamed prints the tries that each missed attack and each wronged innocent is counted for.
func (r *report) blamed() {
	for _, side := range []struct {
		what string
		of   map[string]*tally
	}{{"missed", r.attacks}, {"shut out", r.innocents}} {
		for _, kind := range slices.Sorted(maps.Keys(side.of)) {
			for _, t := range side.of[kind].blamed {
				fmt.Printf("%s: %s", side.what, t.append(nil))
			}
		}
	}
}

// generate writes a log and its truth, and returns the truth in the order of time.
func generate(o options, f *form, path string) (int, []try, error) {
	base := newGenerator(o.seed, f, io.Discard, io.Discard)
	base.cast()
	if err := base.run(); err != nil {
		return 0, nil, err
	}
	log, err := os.Create(path)
	if err != nil {
		return 0, nil, err
	}
	defer log.Close()
	truth, err := os.Create(path + ".truth")
	if err != nil {
		return 0, nil, err
	}
	defer truth.Close()
	g := newGenerator(o.seed, f, log, truth)
	g.cast()
	g.ordinary(o.lines - base.lines)
	if err := g.run(); err != nil {
		return 0, nil, fmt.Errorf("write the log: %w", err)
	}
	if _, err := truth.Seek(0, io.SeekStart); err != nil {
		return 0, nil, err
	}
	tries, err := inOrder(truth)
	return g.lines, tries, err
}

// inOrder reads a truth, whose tries are in the order in which they were planned, in that of time.
func inOrder(truth io.Reader) ([]try, error) {
	tries, err := readTruth(truth)
	slices.SortStableFunc(tries, func(a, b try) int { return a.At.Compare(b.At) })
	return tries, err
}

// cast plans all attacks and all innocents.
func (g *generator) cast() {
	for _, a := range attacks {
		if a.plan != nil {
			a.plan(g, a.name)
		}
	}
	for _, i := range innocents {
		i.plan(g, i.name)
	}
}

// postward reads the log twice: in a process of its own, which is measured, and here, where it is asked.
func postward(o options, path string, tries []try) (*column, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	_, spent, err := measured(exec.Command(self, "-detector", o.detector, "-seed", fmt.Sprint(o.seed), "-be", path))
	if err != nil {
		return nil, err
	}
	answers, err := asked(path, o.make(), tries)
	if err != nil {
		return nil, err
	}
	return &column{o.detector, judge(tries, answers, attacks), spent}, nil
}

// peers are what others make of the log. One that is not installed is said.
func peers(path string, tries []try) (all []*column) {
	for _, p := range []struct {
		name, needs string
		run         func(string) (bans, cost, error)
	}{{"fail2ban", "fail2ban-python", fail2ban}, {"sshguard", parser, sshguard}} {
		if _, err := exec.LookPath(p.needs); err != nil {
			fmt.Printf("%s is not installed: test/setup.sh bench\n", p.name)
			continue
		}
		found, spent, err := p.run(path)
		if err != nil {
			fmt.Println(err)
			continue
		}
		all = append(all, &column{p.name, judge(tries, found.answers(tries), attacks), spent})
	}
	return all
}

// show prints attacks found and innocents wronged, of each kind, a column a detector; and what each cost.
func show(columns []*column, lines int) {
	head := func(what string) {
		fmt.Printf("%-20s %8s", what, "of")
		for _, c := range columns {
			fmt.Printf(" %16s", c.name)
		}
		fmt.Println()
	}
	head("found (went through)")
	for _, a := range attacks {
		row(columns, a.name, a.what, func(c *column) (*tally, string) {
			t := c.report.attacks[a.name]
			if a.limit == 0 {
				return t, fmt.Sprintf("- (%3.0f %%)", t.share())
			}
			return t, fmt.Sprintf("%d (%3.0f %%)", t.subjects-t.bad, t.share())
		})
	}
	head("shut out")
	for _, i := range slices.Concat(innocents, everyDay) {
		row(columns, i.name, i.what, func(c *column) (*tally, string) {
			t := c.report.innocents[i.name]
			return t, fmt.Sprint(t.bad)
		})
	}
	fmt.Printf("%-29s %14s %16s %10s\n", "", "lines/s", "CPU s/million", "MiB")
	for _, c := range columns {
		found, missed, wrong := c.report.sum()
		fmt.Printf("%-29s %14.0f %16.2f %10.1f   found %d, missed %d, wrong %d\n", c.name, c.cost.perSecond(lines), c.cost.perMillion(lines), c.cost.pss, found, missed, wrong)
	}
}

func row(columns []*column, name, what string, of func(*column) (*tally, string)) {
	first, _ := of(columns[0])
	if first == nil {
		return
	}
	fmt.Printf("%-20s %8d", name, first.subjects)
	for _, c := range columns {
		_, text := of(c)
		fmt.Printf(" %16s", text)
	}
	fmt.Printf("   %s\n", what)
}

func (t *tally) share() float64 { return 100 * float64(t.open) / float64(cmp.Or(t.tries, 1)) }
