//go:build daemons

package warden

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postward/internal/host/nft"
	"postward/test/rig"
)

// server is an address of this host's.
const server = "198.51.100.25"

// parent is a warden with its child's client, as over the socketpair.
func parent(t *testing.T, a *Acts) *Client {
	t.Helper()
	ruleset(t, "flush", "ruleset")
	ours, theirs := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- a.serve(context.WithoutCancel(t.Context()), ours) }()
	c := connect(theirs)
	t.Cleanup(func() {
		theirs.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		<-c.Gone()
		ruleset(t, "flush", "ruleset")
	})
	return c
}

func ruleset(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("nft", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("nft %v: %v: %s", args, err, out)
	}
	return string(out)
}

func hour(addrs ...string) (bans []nft.Ban) {
	for _, a := range addrs {
		bans = append(bans, nft.Ban{Prefix: prefix(a), For: time.Hour})
	}
	return bans
}

// stand are the prefixes that the kernel has.
func stand(t *testing.T, c *Client) (all []string) {
	t.Helper()
	var prefixes []netip.Prefix
	for b, err := range c.Bans(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if b.For <= 0 || b.For > time.Hour {
			t.Errorf("%+v", b)
		}
		prefixes = append(prefixes, b.Prefix)
	}
	slices.SortFunc(prefixes, netip.Prefix.Compare) // they come as the kernel has them
	for _, p := range prefixes {
		all = append(all, p.String())
	}
	return all
}

// TestWhatAHijackedDaemonAsksForIsNotBanned: by the wire, in the kernel.
func TestWhatAHijackedDaemonAsksForIsNotBanned(t *testing.T) {
	c := parent(t, &Acts{Logins: someLogins(t), Never: []netip.Prefix{prefix("192.0.2.0/24")}})
	if made, err := c.Ensure(t.Context(), []netip.Prefix{prefix("203.0.115.0/24")}); !made || err != nil {
		t.Fatal(made, err)
	}
	ask := hour("0.0.0.0/0", "::/0", "127.0.0.1/32", "::ffff:127.0.0.1/128", server+"/32", "198.51.100.0/24", "192.0.2.7/32", "203.0.114.9/32",
		"2001:db8:9::/48", "203.0.115.7/32", "203.0.113.7/32", "2001:db8:1::/64", "::ffff:203.0.113.8/128")
	ask = append(ask, nft.Ban{Prefix: prefix("203.0.113.9/32"), For: 8 * 24 * time.Hour}, nft.Ban{For: time.Hour})
	refused, err := c.Ban(t.Context(), ask)
	if err != nil || len(refused) != len(ask) {
		t.Fatalf("%d of %d, %v", len(refused), len(ask), err)
	}
	for i, b := range ask {
		if good := i >= 10 && i <= 12; (refused[i] == nil) != good {
			t.Errorf("%s for %s: %v", b.Prefix, b.For, refused[i])
		}
	}
	if got := stand(t, c); !slices.Equal(got, []string{"203.0.113.7/32", "203.0.113.8/32", "2001:db8:1::/64"}) {
		t.Errorf("%v", got)
	}
	for _, want := range []string{"elements = { 192.0.2.0/24, 203.0.115.0/24 }"} {
		if all := ruleset(t, "list", "set", "inet", "postward", "allow4"); !strings.Contains(all, want) {
			t.Errorf("no %q in %s", want, all)
		}
	}
}

// TestAHijackedChildBansNobodyWhoIsSpared: a process of its own, of nobody's rights, over the socketpair that it inherits.
func TestAHijackedChildBansNobodyWhoIsSpared(t *testing.T) {
	ruleset(t, "flush", "ruleset")
	defer ruleset(t, "flush", "ruleset")
	var said bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	a := &Acts{Logins: someLogins(t), Never: []netip.Prefix{prefix("192.0.2.0/24")}, Trash: Trash{Dir: t.TempDir()}}
	go func() {
		ended <- Run(ctx, Child{UID: nobody, GID: nobody, Log: slog.New(slog.NewTextHandler(&said, nil))}, a, nil)
	}()
	patience, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := rig.Wait(patience, "the one ban that may be", func() error {
		if got := ruleset(t, "list", "ruleset"); !strings.Contains(got, "203.0.113.7") {
			return fmt.Errorf("the kernel has %q", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := stand(t, Direct(&Acts{})); !slices.Equal(got, []string{"203.0.113.7/32"}) {
		t.Errorf("%v", got)
	}
	stop()
	if err := <-ended; err != nil || strings.Contains(said.String(), "ended and is started again") {
		t.Errorf("%v %s", err, said.String())
	}
}

// TestAttackWhatAHijackedChildAllowedEndsWithIt: the next child bans again.
func TestAttackWhatAHijackedChildAllowedEndsWithIt(t *testing.T) {
	ruleset(t, "flush", "ruleset")
	defer ruleset(t, "flush", "ruleset")
	a := &Acts{Logins: someLogins(t)}
	ask := func(body string) (got answer) {
		child, _ := parentOf(t, a)
		_, err := child.Write(framed(body))
		must(t, err, readFrame(child, &got, maxAnswer))
		return got
	}
	if got := ask(`{"act":"ensure","prefixes":["0.0.0.0/0","::/0"]}`); got.Error != "" {
		t.Fatal(got.Error)
	}
	if got := ask(`{"act":"ban","bans":[{"prefix":"203.0.113.9/32","for":60000000000}]}`); got.Error != "" || got.Results[0].Err != "" {
		t.Errorf("the next child bans nobody: %+v", got)
	}
}

func TestABanIsLiftedByTheAddressThatWasNamed(t *testing.T) {
	c := parent(t, &Acts{Logins: someLogins(t)})
	if _, err := c.Ensure(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ban(t.Context(), hour("::ffff:203.0.113.7/128", "203.0.112.0/24")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Unban(t.Context(), []netip.Prefix{prefix("::ffff:203.0.113.7/128"), prefix("203.0.112.0/24"), prefix("203.0.113.1/32")}); err != nil {
			t.Fatal(err)
		}
		if got := stand(t, c); len(got) > 0 {
			t.Errorf("%v", got)
		}
	}
	if err := c.Unban(t.Context(), []netip.Prefix{{}}); err == nil || errors.Is(err, ErrNoWarden) {
		t.Errorf("no prefix: %v", err)
	}
}

func TestAFlushedRulesetIsToldAndRestored(t *testing.T) {
	c := parent(t, &Acts{Logins: someLogins(t)})
	if _, err := c.Ban(t.Context(), hour("203.0.113.7/32")); !errors.Is(err, nft.ErrMissing) {
		t.Errorf("before there is a table: %v", err)
	}
	for range 2 {
		if made, err := c.Ensure(t.Context(), nil); !made || err != nil {
			t.Fatal(made, err)
		}
		if refused, err := c.Ban(t.Context(), hour("203.0.113.7/32")); err != nil || refused[0] != nil {
			t.Fatal(refused, err)
		}
		if made, err := c.Ensure(t.Context(), nil); made || err != nil {
			t.Fatal(made, err)
		}
		ruleset(t, "flush", "ruleset")
		for b, err := range c.Bans(t.Context()) {
			if !errors.Is(err, nft.ErrMissing) {
				t.Errorf("flushed: %v, %v", b, err)
			}
		}
	}
}

// TestNetworksThatAreReadAgainAreSpared: SIGHUP.
func TestNetworksThatAreReadAgainAreSpared(t *testing.T) {
	a := &Acts{Logins: someLogins(t)}
	c := parent(t, a)
	if _, err := c.Ensure(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	a.Renew([]netip.Prefix{prefix("203.0.113.0/24")})
	if refused, err := c.Ban(t.Context(), hour("203.0.113.7/32")); err != nil || refused[0] == nil {
		t.Error(refused, err)
	}
}

// far connects from the host at the other end of a wire.
func far(t *testing.T) func(source, to string) net.Conn {
	t.Helper()
	f, err := rig.TheFar()
	if err != nil {
		t.Fatal(err)
	}
	return func(source, to string) net.Conn {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c, err := f.Dial(ctx, source, to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
}

// TestOpenSessionsOfTheBannedEnd: at the mail ports alone, and nobody else's.
func TestOpenSessionsOfTheBannedEnd(t *testing.T) {
	c, dial := parent(t, &Acts{Logins: someLogins(t)}), far(t)
	if _, err := c.Ensure(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	session := func(source, port string) (client, served net.Conn) {
		l, err := net.Listen("tcp", "203.0.113.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		client = dial(source, l.Addr().String())
		if served, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { served.Close() })
		return client, served
	}
	for i, p := range []string{"203.0.113.5/32", "203.0.113.4/31", "::ffff:203.0.113.5/128"} {
		_, mail := session("203.0.113.5", "25")
		other, stays := session("203.0.113.6", "143")
		ssh, root := session("203.0.113.5", "22")
		if refused, err := c.Ban(t.Context(), hour(p)); err != nil || refused[0] != nil {
			t.Fatal(i, refused, err)
		}
		mail.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := mail.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNABORTED) {
			t.Errorf("%s: the server hears %v", p, err)
		}
		for client, served := range map[net.Conn]net.Conn{other: stays, ssh: root} {
			served.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := client.Write([]byte("x")); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadFull(served, make([]byte, 1)); err != nil {
				t.Errorf("%s: %s to %s is over: %v", p, client.LocalAddr(), client.RemoteAddr(), err)
			}
		}
		if err := c.Unban(t.Context(), []netip.Prefix{prefix(p)}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSessionsAtPort25StayWhereLoginsAloneAreBanned, and those at the other mail ports end.
func TestSessionsAtPort25StayWhereLoginsAloneAreBanned(t *testing.T) {
	c, dial := parent(t, &Acts{Logins: someLogins(t)}), far(t)
	if _, err := c.Ensure(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	at := func(port string) (client, served net.Conn) {
		l, err := net.Listen("tcp", "203.0.113.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		client = dial("203.0.113.5", l.Addr().String())
		if served, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { served.Close() })
		return client, served
	}
	mails, mail := at("25")
	_, submission := at("587")
	ban := hour("203.0.113.5/32")
	ban[0].Logins = true
	if refused, err := c.Ban(t.Context(), ban); err != nil || refused[0] != nil {
		t.Fatal(refused, err)
	}
	for _, served := range []net.Conn{mail, submission} {
		served.SetDeadline(time.Now().Add(10 * time.Second))
	}
	if _, err := submission.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNABORTED) {
		t.Errorf("submission hears %v", err)
	}
	if _, err := mails.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(mail, make([]byte, 1)); err != nil {
		t.Errorf("a session at port 25 is over: %v", err)
	}
	stands := func(logins bool) {
		t.Helper()
		n := 0
		for b, err := range c.Bans(t.Context()) {
			if n++; err != nil || n > 1 || b.Logins != logins {
				t.Errorf("%+v %v", b, err)
			}
		}
		if n != 1 {
			t.Errorf("%d stand", n)
		}
	}
	stands(true)
	ban[0].Logins = false
	if _, err := c.Ban(t.Context(), ban); err != nil {
		t.Fatal(err)
	}
	if _, err := mail.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNABORTED) {
		t.Errorf("banned from all, port 25 hears %v", err)
	}
	stands(false)
}

// TestManyBansAreOneCall: more than one request holds.
func TestManyBansAreOneCall(t *testing.T) {
	c := parent(t, &Acts{Logins: someLogins(t)})
	if _, err := c.Ensure(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var bans []nft.Ban
	var all []netip.Prefix
	for i := range 3*MaxBans - 1 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 1, byte(i >> 8), byte(i)}), 32)
		bans, all = append(bans, nft.Ban{Prefix: p, For: time.Hour}), append(all, p)
	}
	bans[MaxBans+1].Prefix = prefix("127.0.0.1/32")
	refused, err := c.Ban(t.Context(), bans)
	if err != nil || len(refused) != len(bans) || refused[MaxBans+1] == nil || refused[MaxBans] != nil {
		t.Fatalf("%d %v", len(refused), err)
	}
	got := stand(t, c)
	if slices.Sort(got); len(slices.Compact(got)) != len(bans)-1 {
		t.Errorf("%d stand", len(got))
	}
	if a, err := c.do(t.Context(), &request{Act: actBans, From: 1 << 40}); err != nil || len(a.Bans) > 0 || a.Left > 0 { // a hijacked child
		t.Errorf("behind the last: %+v, %v", a, err)
	}
	if err := c.Unban(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if got := stand(t, c); len(got) > 0 {
		t.Errorf("%d stand", len(got))
	}
}

// TestWithoutRootNobodyIsBannedAndItIsSaid: Direct, as an ordinary user.
func TestWithoutRootNobodyIsBannedAndItIsSaid(t *testing.T) {
	said := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine
		var none [2]unix.CapUserData
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			said <- err
			return
		}
		_, err := Direct(&Acts{}).Ban(context.Background(), hour("203.0.113.7/32"))
		said <- err
	}()
	if err := <-said; !errors.Is(err, nft.ErrUnavailable) || !strings.Contains(err.Error(), "run postward serve as root") {
		t.Error(err)
	}
}

// BenchmarkBan is what the daemon waits for: who is logged in, the table, the open sessions.
func BenchmarkBan(b *testing.B) {
	for _, n := range []int{1, MaxBans} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c := Direct(&Acts{})
			if _, err := c.Ensure(b.Context(), nil); err != nil {
				b.Fatal(err)
			}
			var bans []nft.Ban
			for i := range n {
				bans = append(bans, nft.Ban{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 1, byte(i >> 8), byte(i)}), 32), For: time.Hour})
			}
			for b.Loop() {
				if refused, err := c.Ban(b.Context(), bans); err != nil || refused[0] != nil {
					b.Fatal(refused, err)
				}
			}
		})
	}
}
