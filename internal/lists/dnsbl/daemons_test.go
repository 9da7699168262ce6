//go:build daemons

package dnsbl

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"postward/internal/wire/dns"
	"postward/test/world"
)

func TestWordOfAListCountsAsFarAsTheTruthAboutItGoes(t *testing.T) {
	lists := world.NewLists(2)
	lists.ByName("healthy-1").Listed = []string{"185.228.80.18"}
	lists.ByName("slow-2").Listed = []string{"185.228.80.0/24"}
	s, err := world.StartServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // its own tests look at that
	r, err := lists.Serve(t.Context(), s)
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") != "true" {
		t.Skip("this machine lacks rbldnsd (test/setup.sh installs it)")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	client, err := dns.New(dns.Config{Servers: []netip.AddrPort{s.Addr()}, Timeout: time.Second, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	want := map[world.Character]Result{
		world.Healthy: {Outcome: Clear, Health: Sound}, world.Slow: {Outcome: Clear, Health: Sound},
		world.DeadEverything: {Outcome: Lies, Health: Everything}, world.DeadSilent: {Outcome: Unknown, Health: Silent},
		world.DeadEmpty: {Outcome: Unknown, Health: Pointless}, world.RefusingCode: {Outcome: Refused, Health: Refusing},
		world.RefusingRcode: {Outcome: Refused, Health: Refusing}, world.Rewriting: {Outcome: Lies, Health: Lying},
	}
	asked := worldly(t, lists)
	for i, got := range New(client, Options{}).AskAll(ctx, time.Now(), asked, Address(netip.MustParseAddr("185.228.80.18"))) {
		truth := lists.ByName(asked[i].Name)
		expect := want[truth.Character]
		if len(truth.Listed) > 0 {
			expect.Outcome = Listed
		}
		if got.Outcome != expect.Outcome || got.Health != expect.Health {
			t.Errorf("%s: %s, %s (%s), want %s, %s", truth.Name, got.Outcome, got.Health, got.Why, expect.Outcome, expect.Health)
		}
	}
}
