package sock

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// An internet socket does not say who is at its other end (Peer): whoever reaches it speaks as anybody. So it is opened on
// loopback alone, where that is every user of this host.

// lookup bounds the asking for a host name.
const lookup = 5 * time.Second

// CheckLoopback says why host:port is not on loopback, if so, and what to use. Names are not looked up.
func CheckLoopback(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return fmt.Errorf("%q is no host and port like 127.0.0.1:9999 or [::1]:9999", address)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if !a.Unmap().IsLoopback() || a.Zone() != "" {
			return exposed(host, port)
		}
		return nil
	}
	if host == "" || numeric(host) {
		return exposed(host, port)
	}
	return nil
}

func exposed(host, port string) error {
	if host == "" {
		host = "every interface"
	}
	return fmt.Errorf("%s is not on loopback, and who reaches the socket there speaks as any account: use unix:/path, "+
		"whose directory two containers can share, or inet:127.0.0.1:%s", host, port)
}

// numeric reports whether a name may be read as an address by somebody: "0", "127.1", "0x7f.1", "10.0.0.010".
func numeric(host string) bool {
	last := strings.ToLower(strings.TrimSuffix(host, "."))
	last = last[strings.LastIndexByte(last, '.')+1:]
	digits := strings.TrimLeft(last, "0123456789")
	return digits == "" || strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == ""
}

// ListenLoopback opens an internet socket at host:port. A name must lead to loopback with every address it has.
func ListenLoopback(address string) (net.Listener, error) {
	if err := CheckLoopback(address); err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookup)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host) // an address is its own
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if !a.Unmap().IsLoopback() {
			return nil, exposed(fmt.Sprintf("%s (%s)", host, a), port)
		}
	}
	first := slices.MinFunc(addrs, func(a, b netip.Addr) int { return cmp.Compare(a.Unmap().BitLen(), b.Unmap().BitLen()) }) // IPv4, as net.Listen has it
	return net.Listen("tcp", net.JoinHostPort(first.Unmap().String(), port))
}
