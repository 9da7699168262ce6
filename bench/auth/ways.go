package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postward/bench/internal/mailcost"
	"postward/test/rig"
	"postward/test/world"
)

// bench is all of one run.
type bench struct {
	binary string
	peers  []string // that are wanted
	parts  rig.Processes

	keys  []pair
	plan  []step // the resolver knows all its names from the start
	turns []step // one after the other
	warm  []step
	ours  ours
	names *world.Server
	ways  []*way
	lacks []string // why a peer is not there
}

// way is one of those that are measured.
type way struct {
	name   string
	site   *rig.Site
	memory func() []int // the processes whose memory it is

	runs map[load][]run
	took map[load][]time.Duration // of mails that are sent one after the other
	peak float64                  // MiB
	seen witness

	asked, new int // of mails from outside: questions to the resolver, and how many of them it had not been asked before
}

// run is one measurement.
type run struct {
	perSecond float64
	cpu       float64 // ms a mail
}

// kind is how a way is laid: its Postfix, what has to be installed, what is started before Postfix is, and how it shows that
// it did its work: what it writes of a mail that is its author's, and how many signatures it makes.
type kind struct {
	name       string
	needs      []string
	config     rig.PostfixConfig
	start      func(b *bench, ctx context.Context, w *way) error
	marks      map[string]int
	signatures int
}

// The ways, by their names.
const (
	nothing  = "nothing"
	postward = "postward"
	set      = "the set"
	rspamd   = "rspamd"
)

var kinds = []kind{
	{name: nothing, config: milter("nothing.sock"), start: startNothing},
	{name: postward, start: startPostward, signatures: 2,
		marks: map[string]int{"spf=pass": 1, "dkim=pass": 2, "dmarc=pass": 1, "iprev=pass": 1, "arc=": 1, sealed: 1}},
	{name: set, needs: []string{"opendkim", "opendmarc", "policyd-spf"}, config: setConfig, start: startSet, signatures: 1,
		marks: map[string]int{"received-spf: pass": 1, "dkim=pass": 2, "dmarc=pass": 1}},
	{name: rspamd, needs: []string{"rspamd"}, config: milter("rspamd.sock"), start: startRspamd, signatures: 2,
		marks: map[string]int{"spf=pass": 1, "dkim=pass": 2, "dmarc=pass": 1, "arc=": 1, sealed: 1}},
}

// milter is a Postfix with one milter for strangers and accounts.
func milter(socket string) rig.PostfixConfig {
	return rig.PostfixConfig{SMTPMilters: "unix:" + socket, SubmissionMilters: "unix:" + socket}
}

// lay makes all ways. A peer that cannot be had is left out, and told.
func (b *bench) lay(ctx context.Context) error {
	for _, k := range kinds {
		if k.name != nothing && k.name != postward && !slices.Contains(b.peers, k.name) {
			b.lacks = append(b.lacks, k.name+" is not measured: see -peers")
			continue
		}
		if why := k.missing(); why != "" {
			b.lacks = append(b.lacks, fmt.Sprintf("%s is not measured: %s is not installed (test/setup.sh bench)", k.name, why))
			continue
		}
		w, err := b.layOne(ctx, k)
		if err := b.without(k.name, err); err != nil {
			return fmt.Errorf("lay %s: %w", k.name, err)
		}
		if err == nil {
			b.ways = append(b.ways, w)
		}
	}
	return nil
}

// without goes on without a peer that has failed, and remembers why. Without the others there is nothing to measure.
func (b *bench) without(name string, err error) error {
	if err == nil || name == nothing || name == postward {
		return err
	}
	b.lacks = append(b.lacks, fmt.Sprintf("%s is not measured: %v", name, err))
	b.ways = slices.DeleteFunc(b.ways, func(w *way) bool { return w.name == name })
	return nil
}

func (k *kind) missing() string {
	for _, program := range k.needs {
		if _, err := exec.LookPath(program); err != nil {
			return program
		}
	}
	return ""
}

func (b *bench) layOne(ctx context.Context, k kind) (*way, error) {
	w := &way{name: k.name, runs: map[load][]run{}, took: map[load][]time.Duration{}, seen: witness{marks: k.marks, signatures: k.signatures}}
	var err error
	if w.site, err = rig.NewSite(k.config, map[string]string{"anna": "correct horse"}); err != nil {
		return nil, err
	}
	b.parts.Add(w.site.Close)
	if err := k.start(b, ctx, w); err != nil {
		return nil, err
	}
	return w, w.site.Postfix.Start()
}

// socket is where Postfix looks for one of a name.
func (w *way) socket(name string) string { return filepath.Join(w.site.Postfix.QueueDir, name) }

// listens waits until a program has made its socket: rspamd first compiles its lists of names, for minutes on a busy machine.
func (w *way) listens(ctx context.Context, p *rig.Process, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	return rig.Wait(ctx, p.Name+" to listen", func() error {
		select {
		case <-p.Ended():
			said, _ := os.ReadFile(p.Log)
			return fmt.Errorf("it has ended: %s", strings.TrimSpace(string(said)))
		default:
		}
		_, err := os.Stat(w.socket(name))
		return err
	})
}

func startNothing(b *bench, ctx context.Context, w *way) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := b.parts.Start(filepath.Join(rig.Dir(), "nothing.log"), nil, self, "-nothing", w.socket("nothing.sock"))
	if err != nil {
		return err
	}
	w.memory = p.Pids
	return w.listens(ctx, p, "nothing.sock")
}

// startPostward has postward take over the keys that rspamd signs with, and waits until it proves and signs.
func startPostward(b *bench, ctx context.Context, w *way) error {
	ward, err := rig.Attach(w.site.Postfix, rig.PostwardConfig{Binary: b.binary, Mode: "enforce",
		Settings: "[domains]\nlocal = [\"example.org\"]\n[networks]\nown = [\"192.0.2.0/24\"]\n"})
	if err != nil {
		return err
	}
	if err := ward.Start(); err != nil {
		return err
	}
	b.parts.Add(ward.Stop)
	w.memory = ward.Pids
	for _, verb := range [][]string{{"account", "allow", "anna"}, {"dkim", "import", "--rspamd", b.ours.dir, "--apply"}} {
		if _, err := ward.Run(ctx, verb...); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return rig.Wait(ctx, "postward to prove and to sign", func() error {
		says, err := ward.Run(ctx, "status")
		if err != nil {
			return err
		}
		list, err := ward.Run(ctx, "dkim", "key", "list")
		if strings.Contains(says, "mail from outside is authenticated") && strings.Contains(says, "by example.org") && strings.Count(list, "active") >= 2 {
			return err
		}
		return fmt.Errorf("%s\n%s", says, list)
	})
}

// measured has something happen, and keeps what it cost and the most memory that was seen.
func (w *way) measured(mails int, do func() (perSecond float64, err error)) (run, error) {
	watched := w.watch()
	defer func() { w.peak = max(w.peak, watched()) }()
	before, err := mailcost.CPU()
	if err != nil {
		return run{}, err
	}
	rate, err := do()
	if err != nil {
		return run{}, err
	}
	after, err := mailcost.CPU()
	return run{rate, (after - before).Seconds() * 1000 / float64(mails)}, err
}

// watch looks at the memory twice a second until its result is called, which is the most that was seen.
func (w *way) watch() (peak func() float64) {
	stop, most := make(chan struct{}), make(chan float64)
	go func() {
		seen := 0.0
		for {
			seen = max(seen, w.pss())
			select {
			case <-stop:
				most <- max(seen, w.pss())
				return
			case <-time.After(500 * time.Millisecond):
			}
		}
	}()
	return func() float64 {
		close(stop)
		return <-most
	}
}

// pss is the memory now. A process that has just ended has none.
func (w *way) pss() (sum float64) {
	for _, pid := range w.memory() {
		if one, err := rig.PSS([]int{pid}); err == nil {
			sum += one
		}
	}
	return sum
}
