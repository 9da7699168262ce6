package publish

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/domain/mtasts"
	"postward/internal/wire/dns"
	"postward/test/world"
)

// webHost is a policy host for example.org, and how it is reached.
func webHost(t *testing.T, fault world.PolicyFault) (*world.HTTPS, mtasts.Config) {
	t.Helper()
	ca, err := world.NewCA(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	host, err := world.StartHTTPS(world.HTTPSConfig{Addr: "127.0.0.1:0", Domain: "example.org", MX: []string{"mx.example.org"}, CA: ca, Fault: fault})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	return host, mtasts.Config{Roots: ca.Pool(), Now: time.Now(), Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, host.Addr().String())
	}}
}

// stsItem is what is to be done about the record when a policy of mode testing is wanted.
func stsItem(t *testing.T, web mtasts.Config, more string) *Item {
	t.Helper()
	zone, err := dns.ParseZone(strings.NewReader("$TTL 300\n@ SOA ns host 1 1 1 1 1\n@ MX 10 mx\nmx A 192.0.2.25\n"+more), "example.org.", "zone")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Look(t.Context(), Config{Resolver: zone, Now: testNow, Web: web}, Site{Domain: "example.org", MTASTS: mtasts.Testing})
	if err != nil {
		t.Fatal(err)
	}
	return p.item(MTASTS)
}

// TestNoIDIsPublishedBeforeItsPolicyIsServed: senders would fetch the old policy under the new id, and keep it (RFC 8461 section 8.1).
func TestNoIDIsPublishedBeforeItsPolicyIsServed(t *testing.T) {
	const host = "mta-sts A 192.0.2.27\n"
	const old = "_mta-sts TXT \"v=STSv1; id=1\"\n"
	policy := PolicyFile(mtasts.Testing, []string{"mx.example.org"})
	want := "v=STSv1; id=" + PolicyID(policy)
	server, web := webHost(t, world.PolicyFine)
	for _, c := range []struct {
		name, zone, served string
		act                Act
		gone               []string
		why                string
	}{
		{"another policy is served", host, "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 86400\n", Hand, nil, "mode enforce"},
		{"another exchanger is named", host, strings.ReplaceAll(policy, "mx.", "mx2."), Hand, nil, "mx2.example.org"},
		{"another age", host, strings.ReplaceAll(policy, "86400", "86401"), Hand, nil, "24h0m1s"},
		{"what is none is served", host + old, "<html>", Hand, nil, "<html>"},
		{"the host has no address", old, policy, Hand, nil, "no address"},
		{"it is served", host, policy, Add, nil, ""},
		{"it is served in place of another", host + old, policy, Change, []string{"v=STSv1; id=1"}, ""},
		{"it is served, with other ends of lines", host, strings.ReplaceAll(policy, "\r\n", "\n"), Add, nil, ""},
		{"nothing is to be written", "_mta-sts TXT \"" + want + "\"\n", "", Keep, nil, ""},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			server.SetPolicy(c.served)
			i := stsItem(t, web, c.zone)
			why := strings.Join(i.Why, " ")
			if i.Act != c.act || i.Want != want || !slices.Equal(i.Gone, c.gone) || !strings.Contains(why, c.why) {
				t.Errorf("%s %q, without %q, because %q", i.Act, i.Want, i.Gone, i.Why)
			}
			if i.Act == Hand && !strings.Contains(why, "--mta-sts-policy") {
				t.Errorf("no next step: %q", why)
			}
		})
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if i := stsItem(t, web, host); i.Act != Hand || !strings.Contains(strings.Join(i.Why, " "), "refused") {
		t.Errorf("nobody listens: %s, %q", i.Act, i.Why)
	}
	html, web := webHost(t, world.PolicyHTML)
	html.SetPolicy(policy)
	if i := stsItem(t, web, host); i.Act != Hand || !strings.Contains(strings.Join(i.Why, " "), "text/plain") {
		t.Errorf("as HTML: %s, %q", i.Act, i.Why)
	}
}
