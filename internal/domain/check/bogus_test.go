package check

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"postward/internal/wire/dns"
	"postward/test/world"
)

// TestAZoneSignedWronglyIsNoSilence: what a validating resolver says of it looks like a server that fails.
func TestAZoneSignedWronglyIsNoSilence(t *testing.T) {
	server, err := world.StartServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := server.SetZone("example.org.", "@ SOA ns h 1 1 1 1 1\n@ MX 1 mx1\nmx1 A 192.0.2.25\n"); err != nil {
		t.Fatal(err)
	}
	config, err := dns.ParseConfig(strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	config.Servers = []netip.AddrPort{server.Addr()}
	for kind, want := range map[world.Kind]bool{world.Bogus: true, world.ServFail: false, world.Honest: false} {
		server.Behave("example.org.", world.Behaviour{Kind: kind})
		checked, err := dns.New(config)
		if err != nil {
			t.Fatal(err)
		}
		config := config
		config.Unchecked = true
		unchecked, err := dns.New(config)
		if err != nil {
			t.Fatal(err)
		}
		r := Run(t.Context(), Config{Resolver: checked, Unchecked: unchecked, Servers: config.Servers, Now: testNow}, Target{Domain: "example.org"}, nil)
		if got := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.ID == "dnssec.bogus" }); got != want {
			t.Errorf("%s: %+v", kind, r.Findings)
		}
	}
}
