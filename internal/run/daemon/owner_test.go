package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"
	"testing"
	"time"

	"postward/internal/run/health"
)

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	someone  = netip.MustParseAddr("203.0.113.80")
)

// asking is a daemon whose questions to the kernel are answered while the test runs.
func asking(t *testing.T) *Daemon {
	t.Helper()
	d := begin(t, t.TempDir())
	done := make(chan error, 1)
	go func() { done <- d.owners.answer(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
		end(t, d)
	})
	return d
}

func me(t *testing.T) string {
	t.Helper()
	u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil {
		return fmt.Sprintf("uid%d", os.Geteuid())
	}
	return u.Username
}

// connected is a connection to an address of this host, as the server sees it.
func connected(t *testing.T, address string) (client, server netip.AddrPort, hangUp func()) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Skipf("this machine has no %s: %v", address, err)
	}
	t.Cleanup(func() { l.Close() })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return netip.MustParseAddrPort(a.RemoteAddr().String()), netip.MustParseAddrPort(a.LocalAddr().String()), func() { c.Close(); a.Close() }
}

func TestWhoConnectsFromThisHostHasAUser(t *testing.T) {
	d := asking(t)
	for _, address := range append(ownAddresses(), "127.0.0.1", "::1", "127.9.9.9") {
		client, server, _ := connected(t, address)
		if user := d.owners.userOf(client, server); user != me(t) {
			t.Errorf("who called %s is %q", address, user)
		}
	}
}

// ownAddresses are those of this host that others can call, if it has any.
func ownAddresses() []string {
	var list []string
	for a := range hostAddresses() {
		if !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			list = append(list, a.String())
		}
	}
	return list
}

func TestOfAStrangerTheKernelIsNotAsked(t *testing.T) {
	d := begin(t, t.TempDir()) // nobody answers: a question would take its time
	defer end(t, d)
	start := time.Now()
	if user := d.owners.userOf(netip.AddrPortFrom(someone, 4242), netip.MustParseAddrPort("198.51.100.25:25")); user != "" || time.Since(start) >= ownerWait {
		t.Errorf("%q after %s", user, time.Since(start))
	}
}

// Loopback says by itself that the mail is of this host; an address of the host must be told apart from a container's.
func TestWhoHungUpIsUnknownAndNotRoot(t *testing.T) {
	d := asking(t)
	for _, address := range append(ownAddresses(), "127.0.0.1") {
		client, server, hangUp := connected(t, address)
		hangUp()
		want := ""
		if !client.Addr().IsLoopback() {
			want = health.UnknownUser
		}
		if user := d.owners.userOf(client, server); user != want {
			t.Errorf("who called %s and hung up is %q, want %q", address, user, want)
		}
	}
}

func TestAKernelThatDoesNotAnswerKeepsNobodyWaiting(t *testing.T) {
	d := begin(t, t.TempDir()) // nobody answers
	defer end(t, d)
	client, server, _ := connected(t, "127.0.0.1")
	start := time.Now()
	if user := d.owners.userOf(client, server); user != "" || time.Since(start) > 20*ownerWait {
		t.Errorf("%q after %s", user, time.Since(start))
	}
	d.nameless.KernelSays(errors.New("protocol not supported"))
	if text := strings.Join(d.status().Troubles, "\n"); !strings.Contains(text, "modprobe tcp_diag") {
		t.Errorf("status says %q", text)
	}
}

func TestAConnectionThatTheMTADoesNotNameIsNobodys(t *testing.T) {
	d := asking(t)
	for _, ends := range [][2]netip.AddrPort{
		{netip.AddrPortFrom(loopback, 4242), {}}, {netip.AddrPortFrom(loopback, 0), netip.AddrPortFrom(loopback, 25)},
		{netip.MustParseAddrPort("[::1]:4242"), netip.AddrPortFrom(loopback, 25)},
	} {
		user := d.owners.userOf(ends[0], ends[1])
		if _, _, kernel := d.nameless.Troubles(0, time.Now()); user != "" || kernel != "" {
			t.Errorf("%v: %q, %v", ends, user, kernel)
		}
	}
}

const subuid = "anna:100000:65536\n# a comment\nbob:165536:65536\n1003:231072:1\nbroken:x:1\n:300000:5\nwide:400000:4294967296\nlast:500000:2"

func TestSubordinateUsersAreTheirOwner(t *testing.T) {
	for uid, want := range map[uint64]string{
		99_999: "", 100_000: "anna", 165_535: "anna", 165_536: "bob", 231_071: "bob", 231_072: "1003", 231_073: "", 300_001: "", 400_001: "", 500_001: "last", 500_002: "",
		1<<64 - 1: "",
	} {
		if got := subordinateOf([]byte(subuid), uid); got != want {
			t.Errorf("%d is %q's, want %q", uid, got, want)
		}
	}
}

func FuzzSubordinateOf(f *testing.F) {
	f.Add([]byte(subuid), uint64(100_033))
	f.Fuzz(func(t *testing.T, text []byte, uid uint64) {
		if owner := subordinateOf(text, uid); strings.ContainsAny(owner, ":\n") || uid > 1<<33 && owner != "" {
			t.Errorf("%d is %q's", uid, owner)
		}
	})
}
