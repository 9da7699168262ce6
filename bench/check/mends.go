package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"postward/internal/domain/check"
	"postward/internal/domain/spf"
	"postward/internal/wire/dns"
)

// damages are what people do to a record. Each returns the record damaged, or as it was when there is nothing to damage in that
// way.
var damages = []struct {
	name string
	do   func(string) string
}{
	{"a no-break space before the last term", func(s string) string { return lastBlank(s, "\u00a0") }},
	{"a tab before the last term", func(s string) string { return lastBlank(s, "\t") }},
	{"a no-break space behind the version", func(s string) string { return strings.Replace(s, " ", "\u00a0", 1) }},
	{"commas for blanks", func(s string) string { return "v=spf1 " + strings.Join(strings.Fields(s)[1:], ", ") }},
	{"a blank behind a colon", func(s string) string { return strings.Replace(s, ":", ": ", 1) }},
	{"a colon for an equals sign, or the other way", func(s string) string {
		if strings.Contains(s, "redirect=") {
			return strings.Replace(s, "redirect=", "redirect:", 1)
		}
		return strings.Replace(s, "include:", "include=", 1)
	}},
	{"a name misspelled", func(s string) string {
		return strings.NewReplacer("include:", "inlcude:", "ip4:", "ipv4:", "redirect=", "redirct=").Replace(s)
	}},
	{"two terms run together", func(s string) string { return lastBlank(s, "") }},
	{"an include cut", func(s string) string {
		if at := included.FindStringSubmatchIndex(s); at != nil {
			return s[:at[5]] + s[at[1]:]
		}
		return s
	}},
	{"quotation marks and a dash", func(s string) string { return `"` + strings.Replace(s, " -all", " \u2013all", 1) + `";` }},
}

// included is the name of an include, and what is cut off it.
var included = regexp.MustCompile(`(include:)(\S+)\S{3}`)

func lastBlank(s, with string) string {
	if i := strings.LastIndexByte(strings.TrimSpace(s), ' '); i > len("v=spf1") {
		return s[:i] + with + s[i+1:]
	}
	return s
}

// amended answers as if a domain had another SPF record.
type amended struct {
	dns.Resolver
	name, text string
}

func (a amended) TXT(ctx context.Context, name string) dns.Answer {
	if strings.TrimSuffix(name, ".") == a.name {
		return dns.Answer{Outcome: dns.Answered, Texts: []string{a.text}}
	}
	return a.Resolver.TXT(ctx, name)
}

// tally is what came of a damage.
type tally struct {
	records, mended, senders, lost int
	lose                           []string
}

// mends damages each record in each way, mends it as the check says, and counts those who passed by the sound record and do not
// by the mended one. Where a name was cut
// and nobody can guess it, the check makes no record: that is not counted as mended.
func mends(path string) error {
	zone, d, err := publish(path)
	if err != nil {
		return err
	}
	all := make([]tally, len(damages))
	var mu sync.Mutex
	work := make(chan string)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for name := range work {
				for i := range damages {
					t := damaged(zone, d, name, i)
					mu.Lock()
					all[i].add(t)
					mu.Unlock()
				}
			}
		})
	}
	for _, name := range d.names {
		work <- name
	}
	close(work)
	wait.Wait()
	lost := 0
	for i, t := range all {
		lost += t.lost
		fmt.Printf("  %-46s %5d records, %5d mended, %6d senders, %d lost\n", damages[i].name, t.records, t.mended, t.senders, t.lost)
		for _, line := range t.lose[:min(len(t.lose), 5)] {
			fmt.Println("      ", line)
		}
	}
	fmt.Printf("mends: %d senders lost\n", lost)
	if lost > 0 {
		return fmt.Errorf("mends lose %d senders", lost)
	}
	return nil
}

func (t *tally) add(o tally) {
	t.records, t.mended, t.senders, t.lost = t.records+o.records, t.mended+o.mended, t.senders+o.senders, t.lost+o.lost
	t.lose = append(t.lose, o.lose...)
}

// damaged is what comes of one record in one way.
func damaged(zone *dns.Zone, d *dataset, name string, way int) (t tally) {
	texts := d.records[name]["TXT"]
	if len(texts) != 1 || !spf.IsRecord(texts[0]) || len(spf.Parse(texts[0]).Faults) > 0 {
		return t
	}
	text := damages[way].do(texts[0])
	sound := spf.Walk(context.Background(), zone, name)
	senders := passing(sound)
	if text == texts[0] || len(senders) == 0 {
		return t
	}
	t.records, t.senders = 1, len(senders)
	record := mend(amended{zone, name, text}, name)
	if record == "" {
		return t
	}
	t.mended = 1
	after := spf.Walk(context.Background(), amended{zone, name, record}, name)
	for _, a := range senders {
		if after.Result(a).Result == spf.Pass {
			continue
		}
		t.lost++
		t.lose = append(t.lose, fmt.Sprintf("%s: %s of %q, mended %q", name, a, text, record))
	}
	return t
}

// passing are addresses that pass by a policy: the first of each of its networks.
func passing(t *spf.Tree) (all []netip.Addr) {
	for sub := range t.All() {
		for _, n := range sub.Nodes {
			for _, net := range n.Networks {
				if a := net.Addr(); !slices.Contains(all, a) && t.Result(a).Result == spf.Pass {
					all = append(all, a)
				}
			}
		}
	}
	return all
}

// mend is the SPF record that the check says to publish; empty when it says none.
func mend(r dns.Resolver, name string) string {
	report := check.Run(context.Background(), check.Config{Resolver: r, Now: time.Now(), Timeout: 10 * time.Second}, check.Target{Domain: name}, nil)
	for _, f := range report.Findings {
		if f.Topic != "spf" || f.Mend == nil {
			continue
		}
		for _, add := range f.Mend.Add {
			if add.Name == name+"." && add.Type == "TXT" {
				return strings.ReplaceAll(strings.Trim(add.Value, `"`), `" "`, "")
			}
		}
	}
	return ""
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(2)
	}
}
