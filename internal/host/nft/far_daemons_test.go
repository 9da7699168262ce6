//go:build daemons

package nft

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// Addresses of this host, and of the far one at the other end of a wire.
const (
	near4, near6       = rig.Near4, rig.Near6
	guesser4, guesser6 = rig.FarOne4, rig.FarOne6
	other4, other6     = rig.FarOther4, rig.FarOther6
)

// dial connects from one of the far host's addresses.
func dial(f rig.Far, source, to string, port int, patience time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return f.Dial(ctx, source, net.JoinHostPort(to, strconv.Itoa(port)))
}

// nft runs nft(8), each line a command.
func nft(t testing.TB, lines string) string {
	t.Helper()
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(lines)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
	return string(out)
}

// ruleset is what nft shows, without times and counters.
func ruleset(t testing.TB, what string) string {
	t.Helper()
	out, err := exec.Command("nft", append([]string{"--stateless", "list"}, strings.Fields(what)...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("nft list %s: %v: %s", what, err, out)
	}
	return string(out)
}

// opened is a table in a kernel that has no other rule.
func opened(t testing.TB) *Table {
	t.Helper()
	nft(t, "flush ruleset")
	table, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nft(t, "flush ruleset") })
	return table
}

// ensured is one that stands.
func ensured(t testing.TB) *Table {
	t.Helper()
	table := opened(t)
	if made, err := table.Ensure(never); !made || err != nil {
		t.Fatal(made, err)
	}
	return table
}

var never = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// echo answers at a port of this host what it is told, until the test ends.
func echo(t *testing.T, host string, port int) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); io.Copy(c, c) }()
		}
	}()
}

// talks reports whether what is said over a connection is answered in time.
func talks(c net.Conn, patience time.Duration) bool {
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("EHLO\n")); err != nil {
		return false
	}
	answer := make([]byte, 5)
	_, err := io.ReadFull(c, answer)
	return err == nil && bytes.Equal(answer, []byte("EHLO\n"))
}

const (
	soon = 10 * time.Second       // for what must come
	aBit = 400 * time.Millisecond // for what must not
)

// reaches reports whether a far address is answered at a port.
func reaches(t *testing.T, f rig.Far, source, to string, port int) bool {
	t.Helper()
	c, err := dial(f, source, to, port, soon)
	if err != nil {
		t.Logf("%s to %s:%d: %v", source, to, port, err)
		return false
	}
	defer c.Close()
	return talks(c, soon)
}

// shut reports whether nobody answers a far address at a port: neither a connection nor a refusal comes.
func shut(t *testing.T, f rig.Far, source, to string, port int) bool {
	t.Helper()
	c, err := dial(f, source, to, port, aBit)
	if err == nil {
		c.Close()
		t.Logf("%s to %s:%d: connected", source, to, port)
	}
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

func single(addr string) netip.Prefix {
	a := netip.MustParseAddr(addr)
	return netip.PrefixFrom(a, a.BitLen())
}
