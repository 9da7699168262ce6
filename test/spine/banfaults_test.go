//go:build daemons

package spine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postward/test/rig"
)

// attacked is a field whose log is written by the test.
type attacked struct {
	*field
	log *os.File
}

// underAttack needs no mail: its Postfix is asked for its settings, and does not run.
func underAttack(t *testing.T) *attacked {
	t.Helper()
	binary, err := rig.Build()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := rig.NewDir("attack")
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "mail.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	p, err := rig.NewPostfix(rig.PostfixConfig{Sink: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	w, err := rig.NewPostward(p, rig.PostwardConfig{Binary: binary, Mode: "enforce", Log: log.Name(), Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.Stop(), p.Close()); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("postward said:\n%s", w.LogTail(30))
		}
	})
	limit := 2 * time.Minute
	if os.Getenv("PROVE") != "" {
		limit = 25 * time.Minute // a ban lasts 30
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return &attacked{&field{Site: &rig.Site{Postfix: p}, Postward: w, ctx: ctx}, log}
}

// attacker is the so-manieth, in a network of his own.
func attacker(n int) string { return fmt.Sprintf("20.%d.%d.7", n>>8, n&255) }

// tries has one try a name that nobody has: each is banned for it.
func (a *attacked) tries(t *testing.T, n int) {
	_, err := fmt.Fprintf(a.log, "%s mx postfix/submission/smtpd[%d]: warning: unknown[%s]: SASL LOGIN authentication failed: no, sasl_username=alarm\n",
		time.Now().Format(time.RFC3339Nano), 1000+n, attacker(n))
	if err != nil {
		t.Error(err)
	}
}

// inKernel reports whether an address is in the kernel's set.
func inKernel(address string) bool {
	return exec.Command("nft", "get", "element", "inet", "postward", "ban4", "{ "+address+" }").Run() == nil
}

// kept waits until an address is in the kernel's set, or not.
func (a *attacked) kept(t *testing.T, address string, want bool) {
	t.Helper()
	a.wait(t, fmt.Sprintf("%s: %t", address, want), func() error {
		if inKernel(address) != want {
			return fmt.Errorf("\n%.500s", banned(t))
		}
		return nil
	})
}

// kernels are the addresses in the kernel's set.
func kernels(t *testing.T) (all []string) {
	t.Helper()
	out, err := exec.Command("nft", "-j", "list", "set", "inet", "postward", "ban4").Output()
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Nftables []struct {
			Set struct {
				Elem []struct{ Elem struct{ Val string } }
			}
		}
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatal(err)
	}
	for _, one := range said.Nftables {
		for _, e := range one.Set.Elem {
			all = append(all, e.Elem.Val)
		}
	}
	slices.Sort(all)
	return all
}

// stores are the addresses that postward says are banned, each of them once.
func (a *attacked) stores(t *testing.T) (all []string) {
	t.Helper()
	var said struct {
		Bans []struct {
			Prefix netip.Prefix
			Times  int
		}
	}
	a.wait(t, "postward to answer", func() error { return a.Ask(a.ctx, &said, "ban", "list") }) // it may have died a moment ago
	for _, b := range said.Bans {
		if b.Times != 1 {
			t.Errorf("%s is banned for the %d. time", b.Prefix, b.Times)
		}
		all = append(all, b.Prefix.Addr().String())
	}
	slices.Sort(all)
	return all
}

// triesPerKill is how many tries there are at most from one kill to the next.
const triesPerKill = 50

// TestKilledAmidBansKernelAndStoreAreAgreed: a ban is told to the kernel before its row is on disk. postward is killed in between, at
// random, parent and child or the child alone: no ban is lost, none is counted twice, and the kernel has none that the store has not.
func TestKilledAmidBansKernelAndStoreAreAgreed(t *testing.T) {
	a := underAttack(t)
	var tried, most atomic.Int64 // most: he waits for the next kill then, so that a slow machine has no more bans than a quick one
	most.Store(triesPerKill)
	stop := make(chan struct{})
	var attack sync.WaitGroup
	attack.Go(func() {
		pause := time.NewTicker(20 * time.Millisecond)
		defer pause.Stop()
		for n := 0; ; {
			select {
			case <-stop:
				return
			case <-pause.C:
			}
			if int64(n) < most.Load() {
				a.tries(t, n)
				n++
				tried.Store(int64(n))
			}
		}
	})
	ended := sync.OnceFunc(func() { close(stop); attack.Wait() })
	defer ended()
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	for n := range kills() {
		next := tried.Load()
		most.Store(next + triesPerKill)
		a.kept(t, attacker(int(next)), true) // it goes on
		after := min(tried.Load()+r.Int64N(10), most.Load())
		a.wait(t, "some tries", func() error {
			if now := tried.Load(); now < after {
				return fmt.Errorf("%d of %d", now, after)
			}
			return nil
		})
		a.die(t, n%2 == 0)
	}
	ended()
	var want []string
	for n := range int(tried.Load()) {
		want = append(want, attacker(n))
	}
	slices.Sort(want)
	for _, again := range []bool{false, true} { // and by what is on disk alone
		if again {
			a.die(t, true)
		}
		a.wait(t, "the last of them", func() error {
			if n := len(kernels(t)); n < len(want) {
				return fmt.Errorf("the kernel has %d of %d", n, len(want))
			}
			return nil
		})
		if got := a.stores(t); !slices.Equal(got, want) {
			t.Errorf("%d tried, the store has %d", len(want), len(got))
		}
		if got := kernels(t); !slices.Equal(got, want) {
			t.Errorf("%d tried, the kernel has %d", len(want), len(got))
		}
	}
	t.Logf("%d kills amid %d bans", kills(), len(want))
}

// TestWhatOnlyTheKernelOrTheStoreHasIsMendedAtTheStart: as after a death on either side of it, or somebody's hand.
func TestWhatOnlyTheKernelOrTheStoreHasIsMendedAtTheStart(t *testing.T) {
	a := underAttack(t)
	a.do(t, "ban", "add", attacker(1)+"/32", "--for", "1h")
	a.do(t, "ban", "add", attacker(2)+"/32", "--for", "1h")
	a.kept(t, attacker(1), true)
	a.kept(t, attacker(2), true)
	if err := a.Kill(); err != nil {
		t.Fatal(err)
	}
	tell(t, "delete element inet postward ban4 { "+attacker(1)+" }\nadd element inet postward ban4 { "+attacker(3)+" timeout 1h }")
	if err := a.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	a.kept(t, attacker(1), true)
	a.kept(t, attacker(3), false)
	if got, want := kernels(t), []string{attacker(1), attacker(2)}; !slices.Equal(got, want) {
		t.Errorf("the kernel has %v", got)
	}
}

// tell has nft(8) do something, each line a command.
func tell(t *testing.T, lines string) {
	t.Helper()
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(lines)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
}

// TestATableThatSomebodyDeletedIsThereAgain: with the next ban, or within a minute; and a table of another's that has the same sets is
// left as it is.
func TestATableThatSomebodyDeletedIsThereAgain(t *testing.T) {
	a := underAttack(t)
	tell(t, "table ip postward {\nset ban4 { type ipv4_addr; flags timeout; elements = { 192.0.2.1 timeout 1d }; }\nset ports { type inet_service; elements = { 22 }; }\n}")
	others := func() string {
		out, err := exec.Command("nft", "--stateless", "list", "table", "ip", "postward").CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	before := others()
	a.tries(t, 1)
	a.kept(t, attacker(1), true)
	tell(t, "delete table inet postward")
	a.tries(t, 2)
	a.kept(t, attacker(2), true)
	a.kept(t, attacker(1), true)
	if os.Getenv("PROVE") != "" {
		tell(t, "delete table inet postward")
		a.kept(t, attacker(1), true)
		a.kept(t, attacker(2), true)
	}
	if after := others(); after != before {
		t.Errorf("the other table was\n%s\nand is\n%s", before, after)
	}
	tell(t, "delete table ip postward")
}
