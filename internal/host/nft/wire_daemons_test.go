//go:build daemons

package nft

import (
	"net/netip"
	"testing"
	"time"

	"postward/test/rig"
)

// host is this host with its neighbour, answering at SMTP's port and at ssh's.
func host(t *testing.T) rig.Far {
	t.Helper()
	f, err := rig.TheFar()
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{near4, near6} {
		echo(t, to, 25)
		echo(t, to, 22)
	}
	return f
}

func TestABannedSourceReachesNoMailPort(t *testing.T) {
	table, f := ensured(t), host(t)
	for _, x := range []struct{ to, guesser, other string }{{near4, guesser4, other4}, {near6, guesser6, other6}} {
		for name, p := range map[string]netip.Prefix{"alone": single(x.guesser), "with its network": network(x.guesser)} {
			open, err := dial(f, x.guesser, x.to, 25, soon)
			if err != nil || !talks(open, soon) {
				t.Fatal(err)
			}
			if err := table.Add([]Ban{{Prefix: p, For: time.Hour}}); err != nil {
				t.Fatal(err)
			}
			if !shut(t, f, x.guesser, x.to, 25) {
				t.Errorf("%s, banned %s, still connects", x.guesser, name)
			}
			if talks(open, aBit) {
				t.Errorf("%s, banned %s, goes on with an open connection", x.guesser, name)
			}
			open.Close()
			if !reaches(t, f, x.guesser, x.to, 22) {
				t.Errorf("%s, banned %s, does not reach ssh", x.guesser, name)
			}
			if p.IsSingleIP() && !reaches(t, f, x.other, x.to, 25) {
				t.Errorf("%s is not banned", x.other)
			}
			if err := table.Remove([]netip.Prefix{p}); err != nil {
				t.Fatal(err)
			}
			if !reaches(t, f, x.guesser, x.to, 25) {
				t.Errorf("%s is not banned any more", x.guesser)
			}
		}
	}
	if made, err := table.Ensure(never); made || err != nil {
		t.Errorf("what was counted is a change: %v, %v", made, err)
	}
}

// network is the /25 or /80 of the far address: the neighbour's own stands in it, the other IPv6 address does not.
func network(addr string) netip.Prefix {
	a := netip.MustParseAddr(addr)
	bits := 25
	if a.Is6() {
		bits = 80
	}
	p, _ := a.Prefix(bits)
	return p
}

func TestABannedNetworkHasItsEdges(t *testing.T) {
	table, f := ensured(t), host(t)
	if err := table.Add([]Ban{{Prefix: netip.MustParsePrefix("203.0.113.4/31"), For: time.Hour}, {Prefix: network(guesser6), For: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if !shut(t, f, guesser4, near4, 25) || !shut(t, f, guesser6, near6, 25) {
		t.Error("the last address of a network is not banned")
	}
	if !reaches(t, f, other4, near4, 25) || !reaches(t, f, other6, near6, 25) {
		t.Error("the address behind a network is banned")
	}
}

// The client's kernel asks again after 1 and 3 seconds: it gets through when the ban is over, and not before.
func TestABanEndsByItself(t *testing.T) {
	table, f := ensured(t), host(t)
	for _, x := range []struct {
		to, guesser string
		p           netip.Prefix
	}{{near4, guesser4, single(guesser4)}, {near6, guesser6, network(guesser6)}} {
		began := time.Now()
		const d = 1500 * time.Millisecond
		if err := table.Add([]Ban{{Prefix: x.p, For: d}}); err != nil {
			t.Fatal(err)
		}
		if !reaches(t, f, x.guesser, x.to, 25) {
			t.Errorf("%s: the ban does not end", x.p)
		}
		if took := time.Since(began); took < d {
			t.Errorf("%s: it ends after %s of %s", x.p, took, d)
		}
		if bans, err := table.List(); len(bans) > 0 || err != nil {
			t.Errorf("%v %v", bans, err)
		}
	}
}

func TestWhoIsAllowedIsNeverDropped(t *testing.T) {
	table, f := opened(t), host(t)
	if _, err := table.Ensure(append(prefixes("203.0.113.0/24", "2001:db8::/64"), never...)); err != nil {
		t.Fatal(err)
	}
	if err := table.Add([]Ban{{Prefix: single(guesser4), For: time.Hour}, {Prefix: network(guesser4), For: time.Hour}, {Prefix: single(guesser6), For: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if !reaches(t, f, guesser4, near4, 25) || !reaches(t, f, guesser6, near6, 25) {
		t.Error("a ban is stronger than the operator's own networks")
	}
}

// Docker publishes a container's port by DNAT in prerouting at -100: an input hook never sees these packets as they came.
func TestDockersDNATDoesNotLeadAroundABan(t *testing.T) {
	table, f := opened(t), host(t)
	echo(t, near4, 2525)
	nft(t, `table ip docker {
	chain PREROUTING {
		type nat hook prerouting priority dstnat; policy accept;
		tcp dport 587 redirect to :2525
	}
}`)
	if !reaches(t, f, guesser4, near4, 587) {
		t.Fatal("the port is not led on")
	}
	if _, err := table.Ensure(never); err != nil {
		t.Fatal(err)
	}
	if err := table.Add([]Ban{{Prefix: single(guesser4), For: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if !shut(t, f, guesser4, near4, 587) {
		t.Error("a published port is a way around the ban")
	}
	if !reaches(t, f, other4, near4, 587) || !reaches(t, f, guesser4, near4, 2525) {
		t.Error("more is closed than the mail ports are for the banned")
	}
}

func TestThePortsAreThoseOfTheTable(t *testing.T) {
	table, f := opened(t), host(t)
	table.Ports = []uint16{2525, 22}
	echo(t, near4, 2525)
	if _, err := table.Ensure(never); err != nil {
		t.Fatal(err)
	}
	if err := table.Add([]Ban{{Prefix: single(guesser4), For: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if !shut(t, f, guesser4, near4, 2525) || !reaches(t, f, guesser4, near4, 25) {
		t.Error("other ports are closed")
	}
}
