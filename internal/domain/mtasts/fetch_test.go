package mtasts

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestNoAddressOfOursIsAsked: the owner of a domain chooses its policy host's address.
func TestNoAddressOfOursIsAsked(t *testing.T) {
	for _, a := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "192.0.0.1", "192.0.2.1",
		"192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "100::1",
		"2001::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::1", "3fff::1", "fc00::1", "fd00::1", "fe80::1", "fec0::1", "ff02::1",
	} {
		_, err := Fetch(t.Context(), Config{}, []netip.Addr{netip.MustParseAddr(a)}, "example.org")
		if !errors.Is(err, errNotPublic) || Unlearned(err) {
			t.Errorf("%s: %v", a, err)
		}
	}
	for _, a := range []string{"192.0.1.1", "9.9.9.9", "2606:4700::1", "::ffff:9.9.9.9"} {
		if err := onlyPublic("tcp", net.JoinHostPort(a, "443"), nil); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	if err := onlyPublic("tcp6", "[fe80::1%lo]:443", nil); !errors.Is(err, errNotPublic) {
		t.Errorf("with a zone: %v", err)
	}
}

// TestTheAddressThatIsConnectedToIsLookedAt: what a name, or a dialer above, makes of it at the last moment.
func TestTheAddressThatIsConnectedToIsLookedAt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	if c, err := (&net.Dialer{Control: onlyPublic}).DialContext(ctx, "tcp", "localhost:"+port); err == nil {
		c.Close()
		t.Error("localhost was connected to")
	} else if !errors.Is(err, errNotPublic) {
		t.Error(err)
	}
}

// TestAPlainTextIsOneWhateverItsParametersAre: RFC 8461 section 3.2 asks for the type.
func TestAPlainTextIsOneWhateverItsParametersAre(t *testing.T) {
	for text, want := range map[string]bool{
		"text/plain": true, "Text/Plain; charset=utf-8": true, "text/plain;": true, "text/plain; charset": true, "text/plain; charset=utf-8; charset=x": true,
		"": false, "application/octet-stream": false, "text/html; charset=utf-8": false, "text/plainly": false, "text": false,
	} {
		if plain(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
