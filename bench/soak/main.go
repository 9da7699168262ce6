// Command soak lets an office write for a long time, through a private Postfix with postward attached, at about half
// the speed that it could, and looks at postward's memory: it must be flat. Every mail is found at the sink, once.
//
//	soak -for 20m -png memory.png
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"postward/test/rig"
)

const (
	office  = "192.0.2.10"
	people  = 50
	friends = 800 // whom an account writes to: more than it remembers
	batch   = 500 // mails that are accounted for together
	writers = 10  // accounts that write in a batch, one after the other
	look    = 5 * time.Second
	rise    = 4.0 // MiB that the last quarter may lie above the second: noise of the collector
)

func main() {
	length := flag.Duration("for", 20*time.Minute, "how long")
	rate := flag.Int("rate", 200, "mails a second")
	png := flag.String("png", "", "where to draw the memory curve")
	binary := flag.String("postward", "", "the binary; built if empty")
	flag.Parse()
	inside, code, err := rig.Enter(rig.Room{Needs: []string{"postfix", "dovecot"}})
	if err == nil && inside {
		code, err = 0, run(*binary, *length, *rate, *png)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		code = 2
	}
	os.Exit(code)
}

func run(binary string, length time.Duration, rate int, png string) (err error) {
	var parts rig.Processes
	defer func() { err = errors.Join(err, parts.Close()) }()
	site, ward, err := lay(&parts, binary)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), length+5*time.Minute)
	defer cancel()
	curve := make(chan []sample, 1)
	end := time.Now().Add(length)
	go func() { curve <- watch(ward, end) }()
	mails := 0
	for time.Now().Before(end) {
		started := time.Now()
		if err := send(ctx, site, mails); err != nil {
			return err
		}
		mails += batch
		time.Sleep(time.Until(started.Add(time.Second * batch / time.Duration(rate)))) // the load's own pace
	}
	samples := <-curve
	if png != "" {
		if err := draw(png, samples); err != nil {
			return err
		}
	}
	return report(samples, mails)
}

func lay(parts *rig.Processes, binary string) (*rig.Site, *rig.Postward, error) {
	users := map[string]string{}
	for i := range people {
		users[fmt.Sprintf("p%d", i)] = "correct horse"
	}
	site, err := rig.NewSite(rig.PostfixConfig{}, users)
	if err != nil {
		return nil, nil, err
	}
	parts.Add(site.Close)
	if binary == "" {
		if binary, err = rig.Build(); err != nil {
			return nil, nil, err
		}
	}
	ward, err := rig.Attach(site.Postfix, rig.PostwardConfig{Binary: binary, Mode: "enforce",
		// The budgets are out of the way: thousands of mails an hour are no office.
		Settings: "[domains]\nlocal = [\"example.org\"]\n[networks]\nown = [\"192.0.2.0/24\"]\n[modes]\nbudgets = \"shadow\"\nscore = \"shadow\"\n"})
	if err == nil {
		err = ward.Start()
	}
	if err != nil {
		return nil, nil, err
	}
	parts.Add(ward.Stop)
	for name := range users {
		if _, err := ward.Run(context.Background(), "account", "allow", name); err != nil {
			return nil, nil, err
		}
	}
	return site, ward, site.Postfix.Start()
}

// send sends a batch and finds each mail of it at the sink, once.
func send(ctx context.Context, site *rig.Site, from int) error {
	site.Sink.Forget()
	var mails []rig.Mail
	for i := range writers {
		account := fmt.Sprintf("p%d", (from/batch*writers+i)%people)
		mails = append(mails, rig.Load{
			Client: rig.Client{Addr: site.Postfix.Submission(), Address: office, User: account, Password: "correct horse"},
			Count:  batch / writers, Parallel: 1,
			Mail: func(int) rig.Mail {
				return rig.Mail{From: account + "@example.org", To: []string{fmt.Sprintf("friend%d@example.com", rand.IntN(friends))}}
			},
		}.Send(ctx)...)
	}
	if err := site.Sink.WaitLen(ctx, batch); err != nil {
		return err
	}
	ledger, err := rig.Account(ctx, mails, site.Sink, site.Postfix)
	if err == nil {
		err = ledger.Err()
	}
	if err == nil && len(ledger.AtSink) != batch {
		err = fmt.Errorf("of %d mails: %s", batch, ledger)
	}
	return err
}

// sample is postward's memory at a time.
type sample struct {
	at  time.Duration
	mib float64
}

func watch(ward *rig.Postward, end time.Time) (samples []sample) {
	start := time.Now()
	every := time.NewTicker(look)
	defer every.Stop()
	for time.Now().Before(end) {
		if mib, err := rig.PSS(ward.Pids()); err == nil {
			samples = append(samples, sample{time.Since(start), mib})
		}
		<-every.C
	}
	return samples
}

func report(samples []sample, mails int) error {
	if len(samples) < 8 {
		return fmt.Errorf("only %d looks at the memory: soak for longer", len(samples))
	}
	quarter := len(samples) / 4
	second, last := median(samples[quarter:2*quarter]), median(samples[3*quarter:])
	most := slices.MaxFunc(samples, func(a, b sample) int { return int(a.mib*1024) - int(b.mib*1024) }).mib
	fmt.Printf("soak: minutes=%.0f mails=%d missing=0 twice=0 pss_first_MiB=%.1f pss_second_quarter_MiB=%.1f pss_last_quarter_MiB=%.1f pss_max_MiB=%.1f\n",
		samples[len(samples)-1].at.Minutes(), mails, samples[0].mib, second, last, most)
	if last > second+rise {
		return fmt.Errorf("the memory grows: from %.1f to %.1f MiB", second, last)
	}
	return nil
}

func median(samples []sample) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, s.mib)
	}
	slices.Sort(all)
	return all[len(all)/2]
}
