//go:build daemons

package publish

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"postward/internal/wire/dns"
	"postward/test/rig"
)

func TestMain(m *testing.M) {
	os.Exit(rig.MainIn(rig.Room{Addresses: []string{first.String() + "/32", second.String() + "/32", cache.String() + "/32"}, Needs: []string{"named", "tsig-keygen"}}, m, rig.Skip))
}

var (
	first  = netip.MustParseAddr("127.0.0.2")
	second = netip.MustParseAddr("127.0.0.3")
	cache  = netip.MustParseAddr("127.0.0.4")
)

// keygen is a key as tsig-keygen writes it.
func keygen(t *testing.T, name string) (statement string, key *TSIG) {
	t.Helper()
	out, err := exec.Command("tsig-keygen", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	key, err = ParseTSIG(string(out))
	if err != nil {
		t.Fatal(err)
	}
	return string(out), key
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// siteText is a zone with codes of others beside a policy that forgets the sender.
const siteText = "@ MX 10 mx\nmx A 192.0.2.25\n@ TXT \"v=spf1 ip4:192.0.2.80 -all\"\n@ TXT \"google-site-verification=abc\"\n@ TXT ( \"two \" \"strings\" )\n_dmarc CNAME _dmarc.far\n"

// zoneWorld is a primary and a secondary with the key postward, and that key.
func zoneWorld(t *testing.T, text, updates string) (primary *rig.Named, key *TSIG) {
	t.Helper()
	statement, key := keygen(t, "postward")
	return worldOf(t, statement, text, updates), key
}

func worldOf(t *testing.T, statement, text, updates string) (primary *rig.Named) {
	t.Helper()
	zone := rig.NamedZone{Name: "example.org", Text: text, Updates: updates, Servers: []netip.Addr{first, second}}
	other := zone
	other.Of = first
	above := rig.NamedZone{Name: "org", Servers: []netip.Addr{first}} // for who walks up the tree
	primary = rig.TestNamed(t, rig.NamedConfig{Addr: first, Keys: statement, Zones: []rig.NamedZone{zone, above}})
	rig.TestNamed(t, rig.NamedConfig{Addr: second, Keys: statement, Zones: []rig.NamedZone{other}})
	return primary
}

// asking is a resolver that asks one server.
func asking(t *testing.T, server netip.Addr) *dns.Client {
	t.Helper()
	c, err := dns.New(dns.Config{Servers: []netip.AddrPort{netip.AddrPortFrom(server, 53)}, Timeout: 2 * time.Second, Attempts: 2})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var theSite = Site{Domain: "example.org", Senders: addrs("192.0.2.25"), Keys: []Record{edKey}}

func planned(t *testing.T, s Site) *Plan {
	t.Helper()
	p, err := Look(within(t, 30*time.Second), Config{Resolver: asking(t, first), Now: time.Now()}, s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func updates(t *testing.T, p *Plan) []Update {
	t.Helper()
	all, err := p.Updates(within(t, 20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// texts are what a server has at a name.
func texts(t *testing.T, server netip.Addr, name string) []string {
	t.Helper()
	seen := askServer(within(t, 10*time.Second), Server{"it", netip.AddrPortFrom(server, 53)}, name)
	if !seen.Outcome.Known() {
		t.Fatalf("%s: %s %s", name, seen.Outcome, seen.Note)
	}
	return sorted(seen.Texts)
}

func TestWhatIsPublishedStandsAtEveryServerAndNothingElseWasTouched(t *testing.T) {
	_, key := zoneWorld(t, siteText, rig.NamedGrant)
	p := planned(t, theSite)
	for topic, act := range map[Topic]Act{SPF: Change, DKIM: Add, DMARC: Hand, TLSRPT: Add} {
		if i := p.item(topic); i.Act != act {
			t.Errorf("%s: %s, not %s: %q", topic, i.Act, act, i.Why)
		}
	}
	if why := p.item(DMARC).Why; !strings.Contains(strings.Join(why, " "), "alias of _dmarc.far.example.org") {
		t.Errorf("the alias: %q", why)
	}
	all := updates(t, p)
	if len(all) != 1 || len(all[0].Edits) != 3 {
		t.Fatalf("%+v", all)
	}
	if err := all[0].Send(within(t, 20*time.Second), key, time.Now()); err != nil {
		t.Fatal(err)
	}
	if late := p.Settle(within(t, 30*time.Second), all); len(late) > 0 {
		t.Fatalf("late: %v", late)
	}
	for _, server := range []netip.Addr{first, second} {
		if got := texts(t, server, "example.org"); !slices.Equal(got, []string{"google-site-verification=abc", "two strings", "v=spf1 ip4:192.0.2.25 ip4:192.0.2.80 -all"}) {
			t.Errorf("%s: %q", server, got)
		}
		if got := texts(t, server, "s1._domainkey.example.org"); !slices.Equal(got, []string{edText}) {
			t.Errorf("%s: %q", server, got)
		}
	}
	again := planned(t, theSite)
	for _, i := range again.Items {
		if i.Topic != DMARC && i.Differs() {
			t.Errorf("afterwards %s differs: %s %q, behind %q", i.Topic, i.Act, i.Why, i.Behind)
		}
	}
	retired := theSite
	retired.Keys = []Record{edKey}
	retired.Keys[0].Retired = true
	gone := planned(t, retired)
	if all = updates(t, gone); len(all) != 1 || len(all[0].Edits) != 1 {
		t.Fatalf("%+v", all)
	}
	if err := all[0].Send(within(t, 20*time.Second), key, time.Now()); err != nil {
		t.Fatal(err)
	}
	if late := gone.Settle(within(t, 30*time.Second), all); len(late) > 0 {
		t.Fatalf("late: %v", late)
	}
	if got := texts(t, second, "s1._domainkey.example.org"); len(got) > 0 {
		t.Errorf("a retired key is there: %q", got)
	}
}

// TestWhatSomebodyChangedInBetweenIsNotWrittenOver: between the plan and the update somebody else writes one of its names.
func TestWhatSomebodyChangedInBetweenIsNotWrittenOver(t *testing.T) {
	_, key := zoneWorld(t, siteText, rig.NamedGrant)
	for _, c := range []struct {
		what, name string
		theirs     func(m *mdns.Msg, rr []mdns.RR)
	}{
		{"a code was added at the apex", "example.org", (*mdns.Msg).Insert},
		{"somebody published a key at the selector", "s1._domainkey.example.org", (*mdns.Msg).Insert},
		{"all texts of the apex were taken out", "example.org", (*mdns.Msg).RemoveRRset},
	} {
		p := planned(t, theSite)
		all := updates(t, p)
		m := new(mdns.Msg).SetUpdate("example.org.")
		rr, err := record(c.name, "theirs: "+c.what, 60)
		if err != nil {
			t.Fatal(err)
		}
		c.theirs(m, []mdns.RR{rr})
		m.SetTsig(key.Name, key.Algorithm, fudge, time.Now().Unix())
		client := mdns.Client{Net: "tcp", TsigSecret: map[string]string{key.Name: key.secret}}
		if reply, _, err := client.Exchange(m, first.String()+":53"); err != nil || reply.Rcode != mdns.RcodeSuccess {
			t.Fatalf("%v %v", reply, err)
		}
		before := texts(t, first, "example.org")
		err = all[0].Send(within(t, 20*time.Second), key, time.Now())
		if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "dns diff") {
			t.Errorf("%s: %v", c.what, err)
		}
		if now := texts(t, first, "example.org"); !slices.Equal(now, before) || len(texts(t, first, "_smtp._tls.example.org")) > 0 {
			t.Errorf("%s: a part was written: %q, before %q", c.what, now, before)
		}
	}
}

func TestEveryRefusalSaysTheNextStep(t *testing.T) {
	_, key := zoneWorld(t, siteText, rig.NamedGrant)
	all := updates(t, planned(t, theSite))
	_, stranger := keygen(t, "stranger")
	_, other := keygen(t, "postward")
	elsewhere := all[0]
	elsewhere.Zone = "example.net"
	elsewhere.Edits = nil
	secondary := all[0]
	secondary.Server.Addr = netip.AddrPortFrom(second, 53)
	nobody := all[0]
	nobody.Server.Addr = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.9"), 53)
	for _, c := range []struct {
		what string
		u    Update
		key  *TSIG
		now  time.Time
		want []string
	}{
		{"another secret", all[0], other, time.Now(), []string{"BADSIG", "copy the key file anew"}},
		{"another key", all[0], stranger, time.Now(), []string{"BADKEY", "no key stranger (hmac-sha256)", "reload"}},
		{"the clock is ahead", all[0], key, time.Now().Add(time.Hour + time.Minute), []string{"BADTIME", "are 1h", "timedatectl"}},
		{"the clock is behind", all[0], key, time.Now().Add(-time.Hour - time.Minute), []string{"BADTIME", "are 1h", "timedatectl"}},
		{"no key", all[0], nil, time.Now(), []string{"REFUSED", "tsig-keygen postward"}},
		{"a zone that is not there", elsewhere, key, time.Now(), []string{"NOTAUTH", "not the primary of the zone example.net", "--server"}},
		{"a server that has nothing", nobody, key, time.Now(), []string{"connection refused", "--server"}},
		{"a secondary", secondary, key, time.Now(), []string{"REFUSED", "secondary", "--server"}},
	} {
		err := c.u.Send(within(t, 20*time.Second), c.key, c.now)
		if err == nil {
			t.Errorf("%s: it was taken", c.what)
			continue
		}
		t.Logf("%s: %v", c.what, err)
		for _, word := range c.want {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q is not in %v", c.what, word, err)
			}
		}
		if strings.Contains(err.Error(), key.secret) {
			t.Errorf("%s tells the secret", c.what)
		}
	}
	if got := texts(t, first, "_smtp._tls.example.org"); len(got) > 0 {
		t.Errorf("something was written: %q", got)
	}
}

// TestAKeyThatMayNotWriteThereIsRefused: the server knows the key, and lets it write elsewhere only. With the policy that the error
// names it may.
func TestAKeyThatMayNotWriteThereIsRefused(t *testing.T) {
	policy := "update-policy { grant postward name www.example.org A; };"
	send := func(t *testing.T) error {
		_, key := zoneWorld(t, siteText, policy)
		all := updates(t, planned(t, theSite))
		return all[0].Send(within(t, 20*time.Second), key, time.Now())
	}
	t.Run("refused", func(t *testing.T) {
		err := send(t)
		if err == nil || !strings.Contains(err.Error(), "REFUSED") {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(err.Error(), "say update-policy {")
		named, _, _ := strings.Cut(rest, "};")
		policy = "update-policy {" + named + "};"
	})
	t.Run("taken", func(t *testing.T) {
		if err := send(t); err != nil {
			t.Errorf("%s: %v", policy, err)
		}
	})
}

// TestAWildcardIsNoRecordOfTheName: what a wildcard answers for a name does not stand there, and is not taken out.
func TestAWildcardIsNoRecordOfTheName(t *testing.T) {
	_, key := zoneWorld(t, "@ MX 10 mx\nmx A 192.0.2.25\n* TXT \"v=spf1 -all\"\n", rig.NamedGrant)
	p := planned(t, theSite)
	all := updates(t, p)
	if err := all[0].Send(within(t, 20*time.Second), key, time.Now()); err != nil {
		t.Fatal(err)
	}
	if late := p.Settle(within(t, 30*time.Second), all); len(late) > 0 {
		t.Fatalf("late: %v", late)
	}
	if got := texts(t, first, "_dmarc.example.org"); len(got) != 1 || !strings.HasPrefix(got[0], "v=DMARC1; p=none") {
		t.Errorf("%q", got)
	}
	if got := texts(t, first, "other.example.org"); !slices.Equal(got, []string{"v=spf1 -all"}) {
		t.Errorf("the wildcard has %q", got)
	}
}

// TestWhoIsBehindIsNamed: a resolver that has kept the old text, and then a secondary that is gone.
func TestWhoIsBehindIsNamed(t *testing.T) {
	primary, key := zoneWorld(t, siteText, rig.NamedGrant)
	rig.TestNamed(t, rig.NamedConfig{Addr: cache, Zones: []rig.NamedZone{{Name: "example.org", Of: first, Cached: true}}})
	kept := asking(t, cache)
	if a := kept.TXT(t.Context(), "example.org"); len(a.Texts) != 3 {
		t.Fatalf("the resolver says %+v\n%s", a, primary.LogText())
	}
	p := planned(t, theSite)
	all := updates(t, p)
	if err := all[0].Send(within(t, 20*time.Second), key, time.Now()); err != nil {
		t.Fatal(err)
	}
	if late := p.Settle(within(t, 30*time.Second), all); len(late) > 0 {
		t.Fatalf("late: %v", late)
	}
	after, err := Look(within(t, 30*time.Second), Config{Resolver: kept, Now: time.Now()}, theSite)
	if err != nil {
		t.Fatal(err)
	}
	if i := after.item(SPF); i.Act != Keep || !slices.Equal(i.Behind, []string{"resolver"}) || !i.Differs() {
		t.Errorf("%s, behind %q: %q", i.Act, i.Behind, i.Why)
	}
}

// TestASecondaryThatIsLateIsNamed: the secondary is not told, and says what it had.
func TestASecondaryThatIsLateIsNamed(t *testing.T) {
	statement, key := keygen(t, "postward")
	zone := rig.NamedZone{Name: "example.org", Text: siteText, Updates: rig.NamedGrant, Servers: []netip.Addr{first, second}}
	rig.TestNamed(t, rig.NamedConfig{Addr: first, Keys: statement, Zones: []rig.NamedZone{zone}})
	stale := zone
	stale.Updates = ""
	rig.TestNamed(t, rig.NamedConfig{Addr: second, Zones: []rig.NamedZone{stale}}) // a zone of its own: nothing reaches it
	p := planned(t, theSite)
	all := updates(t, p)
	if err := all[0].Send(within(t, 20*time.Second), key, time.Now()); err != nil {
		t.Fatal(err)
	}
	late := p.Settle(within(t, time.Second), all)
	if len(late) != 3 || !strings.Contains(late[0].Server, "ns2.example.org") {
		t.Errorf("late: %v", late)
	}
	if i := planned(t, theSite).item(SPF); !slices.Equal(i.Behind, []string{"ns2.example.org"}) {
		t.Errorf("behind %q", i.Behind)
	}
}

// TestALameServerIsNoneOfTheZone: one that only knows the zone by asking is not believed. BIND refuses; others would answer.
func TestALameServerIsNoneOfTheZone(t *testing.T) {
	statement, _ := keygen(t, "postward")
	zone := rig.NamedZone{Name: "example.org", Text: siteText, Updates: rig.NamedGrant, Servers: []netip.Addr{first, cache}}
	rig.TestNamed(t, rig.NamedConfig{Addr: first, Keys: statement, Zones: []rig.NamedZone{zone}})
	rig.TestNamed(t, rig.NamedConfig{Addr: cache, Zones: []rig.NamedZone{{Name: "example.org", Of: first, Cached: true}}})
	if a := asking(t, cache).TXT(t.Context(), "example.org"); len(a.Texts) != 3 { // now it has them in its memory
		t.Fatalf("the resolver says %+v", a)
	}
	i := planned(t, theSite).item(SPF)
	if n := slices.IndexFunc(i.Seen, func(s Seen) bool { return s.Server == "ns2.example.org" }); n < 0 || i.Seen[n].Outcome.Known() {
		t.Errorf("%+v", i.Seen)
	}
	if !slices.Equal(i.Behind, []string{"ns2.example.org"}) {
		t.Errorf("behind %q", i.Behind)
	}
}

// TestAPartThatAnotherServesIsUpdatedThere: the keys lie in a zone of their own, whose primary is not the one that was named.
func TestAPartThatAnotherServesIsUpdatedThere(t *testing.T) {
	statement, key := keygen(t, "postward")
	const part = "_domainkey.example.org"
	rig.TestNamed(t, rig.NamedConfig{Addr: first, Keys: statement, Zones: []rig.NamedZone{{Name: "example.org", Text: siteText + "_domainkey NS ns1._domainkey\nns1._domainkey A 127.0.0.3\n", Updates: rig.NamedGrant, Servers: []netip.Addr{first}}}})
	rig.TestNamed(t, rig.NamedConfig{Addr: second, Keys: statement, Zones: []rig.NamedZone{{Name: part, Updates: rig.NamedGrant, Servers: []netip.Addr{second}}}})
	rig.TestNamed(t, rig.NamedConfig{Addr: cache, Zones: []rig.NamedZone{{Name: "example.org", Of: first, Cached: true}, {Name: part, Of: second, Cached: true}}})
	p, err := Look(within(t, 30*time.Second), Config{Resolver: asking(t, cache), Primary: netip.AddrPortFrom(first, 53), Now: time.Now()}, theSite)
	if err != nil {
		t.Fatal(err)
	}
	if i := p.item(DKIM); i.Zone != part || i.Act != Add || i.Field(p.Domain).Name != "s1" {
		t.Errorf("%+v", i)
	}
	all := updates(t, p)
	if len(all) != 2 || all[0].Server.Addr.Addr() != first || all[1].Server.Addr.Addr() != second {
		t.Fatalf("%+v", all)
	}
	for n := range all {
		if err := all[n].Send(within(t, 20*time.Second), key, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if late := p.Settle(within(t, 30*time.Second), all); len(late) > 0 {
		t.Errorf("late: %v", late)
	}
	if got := texts(t, second, "s1."+part); !slices.Equal(got, []string{edText}) {
		t.Errorf("%q", got)
	}
}

// TestTheCommandPublishesAndThenNothingDiffers: postward as shipped, with a key file as tsig-keygen writes it.
func TestTheCommandPublishesAndThenNothingDiffers(t *testing.T) {
	right, _ := keygen(t, "postward")
	worldOf(t, right, "@ MX 10 mx\nmx A 192.0.2.25\n@ TXT \"google-site-verification=abc\"\n", rig.NamedGrant)
	program, err := rig.Build()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := rig.NewDir("dns")
	if err != nil {
		t.Fatal(err)
	}
	keyFile, config := dir+"/tsig.key", dir+"/postward.toml"
	run := func(code int, words ...string) string {
		t.Helper()
		args := append([]string{"dns"}, words...)
		cmd := exec.CommandContext(within(t, time.Minute), program, append(args, "example.org", "--resolver", first.String(), "--sender", "192.0.2.25", "--config", config)...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("%q: exit %d, not %d\n%s", words, got, code, out)
		}
		return string(out)
	}
	wrong, _ := keygen(t, "postward")
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(config, "[dns]\nkey_file = \""+keyFile+"\"\n", 0o644)
	write(keyFile, wrong, 0o600)
	if out := run(1, "diff"); !strings.Contains(out, "# example.org: 3 to add") {
		t.Error(out)
	}
	if out := run(1, "publish"); !strings.Contains(out, "nothing was written; --apply") {
		t.Error(out)
	}
	if out := run(2, "publish", "--apply"); !strings.Contains(out, "BADSIG") {
		t.Error(out)
	}
	if got := texts(t, first, "_dmarc.example.org"); len(got) > 0 {
		t.Errorf("a dry run or a wrong key wrote %q", got)
	}
	write(keyFile, right, 0o600)
	if out := run(0, "publish", "--apply"); !strings.Contains(out, "written, and every server of the zone shows it") {
		t.Error(out)
	}
	if out := run(0, "diff"); !strings.Contains(out, "all is as it should be") || !strings.Contains(out, "ns2.example.org (127.0.0.3:53)") {
		t.Error(out)
	}
	if out := run(0, "publish", "--apply"); !strings.Contains(out, "nothing is to be written") {
		t.Error(out)
	}
	if got := texts(t, second, "example.org"); !slices.Equal(got, []string{"google-site-verification=abc", "v=spf1 mx ~all"}) {
		t.Errorf("%q", got)
	}
}
