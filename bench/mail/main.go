// Command mail measures what postward costs in the mail path: the same mails through a Postfix without a milter,
// one with a milter that does nothing (emersion/go-milter's, without bodies), and one with postward attached, in
// turns in one run, each a private Postfix. People log in and write to recipients they know; nothing is held.
//
// CPU is that of every process of the room but this one, which is client and world.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"postward/bench/internal/mailcost"
	"postward/test/rig"
)

const (
	rounds   = 3
	parallel = 10
	office   = "192.0.2.10"
)

var sizes = []struct{ octets, mails int }{{2_000, 2000}, {20_000, 1000}, {200_000, 200}}

func main() {
	binary := flag.String("postward", "", "the binary to measure; built if empty")
	nothing := flag.String("nothing", "", "be the milter that does nothing on this socket")
	flag.Parse()
	if *nothing != "" {
		fmt.Fprintln(os.Stderr, "mail:", mailcost.BeNothing(*nothing))
		os.Exit(2)
	}
	inside, code, err := rig.Enter(rig.Room{Needs: []string{"postfix", "dovecot"}})
	if err == nil && inside {
		err = measure(*binary)
		code = 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mail:", err)
		code = 2
	}
	os.Exit(code)
}

// way is one of the three.
type way struct {
	name string
	site *rig.Site
	runs map[int][]run   // by size
	took []time.Duration // of single mails, from MAIL to the last reply
}

// run is one measurement.
type run struct {
	perSecond float64
	cpu       float64 // ms a mail
}

func measure(binary string) (err error) {
	var parts rig.Processes
	defer func() {
		if closing := parts.Close(); err == nil {
			err = closing
		}
	}()
	if binary == "" {
		if binary, err = rig.Build(); err != nil {
			return err
		}
	}
	ways, ward, err := lay(&parts, binary)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	if err := warm(ctx, ways); err != nil {
		return err
	}
	idle, err := rig.PSS(ward.Pids())
	if err != nil {
		return err
	}
	wrote, err := mailcost.Written(ward.Pids())
	if err != nil {
		return err
	}
	load, mails := 0.0, 0
	for range rounds {
		for _, size := range sizes {
			for _, w := range ways {
				if err := w.measure(ctx, size.octets, size.mails); err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
				if w.name != "postward" {
					continue
				}
				mails += size.mails
				now, err := rig.PSS(ward.Pids())
				if err != nil {
					return err
				}
				load = max(load, now)
			}
		}
	}
	after, err := mailcost.Written(ward.Pids())
	if err != nil {
		return err
	}
	if err := latencies(ctx, ways); err != nil {
		return err
	}
	return report(ways, idle, load, float64(after-wrote)/float64(mails), binary)
}

func lay(parts *rig.Processes, binary string) ([]*way, *rig.Postward, error) {
	users := map[string]string{"anna": "correct horse"}
	var ways []*way
	var ward *rig.Postward
	for _, name := range []string{"bare", "nothing", "postward"} {
		config := rig.PostfixConfig{}
		if name == "nothing" {
			config.SubmissionMilters = "unix:nothing.sock"
		}
		site, err := rig.NewSite(config, users)
		if err != nil {
			return nil, nil, err
		}
		parts.Add(site.Close)
		switch name {
		case "nothing":
			self, err := os.Executable()
			if err != nil {
				return nil, nil, err
			}
			socket := filepath.Join(site.Postfix.QueueDir, "nothing.sock")
			if _, err := parts.Start(filepath.Join(rig.Dir(), "nothing.log"), nil, self, "-nothing", socket); err != nil {
				return nil, nil, err
			}
		case "postward":
			ward, err = rig.Attach(site.Postfix, rig.PostwardConfig{Binary: binary, Mode: "enforce",
				Settings: "[domains]\nlocal = [\"example.org\"]\n[networks]\nown = [\"192.0.2.0/24\"]\n"})
			if err != nil {
				return nil, nil, err
			}
			if err := ward.Start(); err != nil {
				return nil, nil, err
			}
			parts.Add(ward.Stop)
			if _, err := ward.Run(context.Background(), "account", "allow", "anna"); err != nil {
				return nil, nil, err
			}
		}
		if err := site.Postfix.Start(); err != nil {
			return nil, nil, err
		}
		ways = append(ways, &way{name: name, site: site, runs: map[int][]run{}})
	}
	return ways, ward, nil
}

// warm lets each Postfix start its processes, and anna's recipients become known.
func warm(ctx context.Context, ways []*way) error {
	for _, w := range ways {
		if err := w.measure(ctx, 1000, 200); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		w.runs = map[int][]run{}
	}
	return nil
}

// measure sends mails and waits until the world has them.
func (w *way) measure(ctx context.Context, octets, mails int) error {
	before, err := mailcost.CPU()
	if err != nil {
		return err
	}
	sent, err := w.send(ctx, octets, mails, parallel)
	if err != nil {
		return err
	}
	after, err := mailcost.CPU()
	if err != nil {
		return err
	}
	_, rate := rig.Rate(sent)
	w.runs[octets] = append(w.runs[octets], run{rate, (after - before).Seconds() * 1000 / float64(mails)})
	return nil
}

func (w *way) send(ctx context.Context, octets, mails, parallel int) ([]rig.Mail, error) {
	w.site.Sink.Forget()
	body := strings.Repeat(strings.Repeat("x", 70)+"\r\n", octets/72)
	sent := rig.Load{
		Client: rig.Client{Addr: w.site.Postfix.Submission(), Address: office, User: "anna", Password: "correct horse"},
		Count:  mails, Parallel: parallel, PerSession: 10,
		Mail: func(i int) rig.Mail {
			return rig.Mail{From: "anna@example.org", To: []string{fmt.Sprintf("friend%d@example.com", i%10)}, Body: body}
		},
	}.Send(ctx)
	if accepted, _ := rig.Rate(sent); accepted != mails {
		return nil, fmt.Errorf("%d of %d mails were accepted; the last reply: %s", accepted, mails, sent[mails-1].Reply)
	}
	return sent, w.site.Sink.WaitLen(ctx, mails)
}

// latencies sends mails one after the other, in turns, and keeps how long each took.
func latencies(ctx context.Context, ways []*way) error {
	const turns, each = 10, 100
	for range turns {
		for _, w := range ways {
			sent, err := w.send(ctx, 2_000, each, 1)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			for i := range sent {
				w.took = append(w.took, mailcost.Took(sent[i].Steps))
			}
		}
	}
	return nil
}

func report(ways []*way, idle, load, wrote float64, binary string) error {
	rate := func(r run) float64 { return r.perSecond }
	spent := func(r run) float64 { return r.cpu }
	fmt.Printf("%-9s %9s %12s %14s %16s %18s\n", "mail", "", "mails/s", "of nothing", "CPU s/1000", "above nothing")
	for _, size := range sizes {
		nothing := ways[1].runs[size.octets]
		for _, w := range ways {
			r := w.runs[size.octets]
			fmt.Printf("%6d B  %-9s %12.0f %14.2f %16.2f %18.2f\n", size.octets, w.name, mailcost.Median(r, rate), mailcost.Median(r, rate)/mailcost.Median(nothing, rate),
				mailcost.Median(r, spent), mailcost.Median(r, spent)-mailcost.Median(nothing, spent))
		}
	}
	fmt.Printf("%-18s %9s %9s %9s   one mail after the other, of 2 kB, MAIL to the last reply\n", "latency, ms", "p50", "p95", "p99")
	for _, w := range ways {
		fmt.Printf("  %-16s %9.1f %9.1f %9.1f\n", w.name, mailcost.Quantile(w.took, 0.5), mailcost.Quantile(w.took, 0.95), mailcost.Quantile(w.took, 0.99))
	}
	for _, w := range ways[1:] {
		added := func(q float64) float64 { return mailcost.Quantile(w.took, q) - mailcost.Quantile(ways[0].took, q) }
		fmt.Printf("  %-16s %9.1f %9.1f %9.1f\n", "added, "+w.name, added(0.5), added(0.95), added(0.99))
	}
	fmt.Printf("memory (PSS of both processes): idle %.1f MiB, under load %.1f MiB; written %.0f bytes a mail\n", idle, load, wrote)
	if err := binaries(); err != nil {
		return err
	}
	if err := guardBench(); err != nil {
		return err
	}
	two := func(i int) []run { return ways[i].runs[sizes[0].octets] }
	fmt.Printf("mail: bare_per_s=%.0f nothing_per_s=%.0f postward_per_s=%.0f of_nothing=%.2f cpu_s_per_1000=%.2f above_nothing=%.2f pss_idle_MiB=%.1f pss_load_MiB=%.1f bytes_per_mail=%.0f\n",
		mailcost.Median(two(0), rate), mailcost.Median(two(1), rate), mailcost.Median(two(2), rate), mailcost.Median(two(2), rate)/mailcost.Median(two(1), rate),
		mailcost.Median(two(2), spent), mailcost.Median(two(2), spent)-mailcost.Median(two(1), spent), idle, load, wrote)
	return nil
}

// guardBench shows the decision alone.
func guardBench() error {
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", "JudgeApply|Judge", "-benchmem", "postward/internal/guard").CombinedOutput()
	if err != nil {
		return fmt.Errorf("bench the decision: %w\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Benchmark") {
			fmt.Print(line)
		}
	}
	return nil
}
