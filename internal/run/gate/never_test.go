package gate

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postward/internal/run/ctl"
)

// TestAnAddressOfIPv6IsBannedAsItIsCounted: a host changes the last 64 bits as it likes.
func TestAnAddressOfIPv6IsBannedAsItIsCounted(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	one := ctl.BanRequest{Network: netip.MustParsePrefix("2001:db8:1:2::9/128"), For: time.Hour}
	x := must(t, d, "ban/add", one).(ctl.BansAnswer)
	if got := listed(d); x.Network.String() != "2001:db8:1:2::/64" || got != "2001:db8:1:2::/64 by hand 1" {
		t.Errorf("%s is said to be banned, and is: %s", x.Network, got)
	}
	must(t, d, "ban/remove", ctl.BanRequest{Network: netip.MustParsePrefix("2001:db8:1:2:abcd::1/128")}) // another of his
	if got := listed(d); got != "" {
		t.Errorf("still banned: %s", got)
	}
	must(t, d, "allow/add", one) // just what is said: in a /64 of a data centre lie many people's hosts
	if got := must(t, d, "allow/list", nil).(ctl.AllowAnswer).Networks; len(got) != 1 || got[0] != one.Network {
		t.Errorf("allowed: %s", got)
	}
	if _, err := d.AddBan(t.Context(), "root", one); err == nil || !strings.Contains(err.Error(), "2001:db8:1:2::/64 is not banned: 2001:db8:1:2::9 is on the allow list") {
		t.Errorf("%v", err)
	}
}

// TestWhyNobodyIsBannedThereIsSaidInOneOrder: each is said when what stands before it is gone, and what a person's ban is stronger than
// says so.
func TestWhyNobodyIsBannedThereIsSaidInOneOrder(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	client := netip.MustParseAddr("203.0.113.9")
	network := netip.PrefixFrom(client, 32)
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	hears(t, d, reads(client.String(), "anna"))
	own, list := d.state.Policy().Own, ctl.BanRequest{Network: network}
	must(t, d, "allow/add", list)
	d.Gate.trusted = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	d.spare(network, errors.New("ban refused: 203.0.113.9/32 holds 203.0.113.9, an address of this host"))
	d.state.Policy().Own = append(own[:len(own):len(own)], network)
	for _, step := range []struct {
		want   string
		undone func()
	}{
		{"it is of your own networks (203.0.113.9 in networks.own)", func() { d.state.Policy().Own = own }},
		{"Postfix lets 203.0.113.0/24 relay (mynetworks)", func() { d.Gate.trusted = nil }},
		{"203.0.113.9 is on the allow list (postward allow remove 203.0.113.9 takes it off)", func() { must(t, d, "allow/remove", list) }},
		{"203.0.113.9/32 holds 203.0.113.9, an address of this host", func() { delete(d.Gate.sparings, network) }},
		{"somebody logged in from there within the last week; postward ban add 203.0.113.9 bans it all the same", func() {}},
	} {
		x := must(t, d, "source/show", ctl.SourceRequest{Client: client}).(ctl.SourceAnswer)
		if !strings.HasPrefix(x.Never, step.want) {
			t.Errorf("%q, not %q", x.Never, step.want)
		}
		step.undone()
	}
}

// TestWhatIsAllowedWithAWiderNetworkIsNamed, for who wants to take it off.
func TestWhatIsAllowedWithAWiderNetworkIsNamed(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "allow/add", ctl.BanRequest{Network: netip.MustParsePrefix("2001:db8:1:2::/64")})
	for network, hint := range map[string]string{"2001:db8:1:2::9/128": "it is allowed with 2001:db8:1:2::/64", "2001:db8:1::/48": "a part of it is, 2001:db8:1:2::/64"} {
		_, err := d.answer(t.Context(), "root", "allow/remove", fmt.Appendf(nil, `{"network":%q}`, network))
		if err == nil || !strings.Contains(err.Error(), hint) || !strings.HasSuffix(err.Error(), "\npostward allow remove 2001:db8:1:2::/64") {
			t.Errorf("%s: %v", network, err)
		}
	}
}
