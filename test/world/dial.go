package world

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
)

// Map says what stands at which address of the world. The zero value is ready, and empty.
type Map struct {
	mu    sync.Mutex
	stand map[netip.AddrPort]netip.AddrPort
}

// Place puts a listener at an address: m.Place("192.0.2.25:25", smtp.Addr()). An invalid listener takes it away; one that
// is not on loopback, or an address that cannot be read, is an error.
func (m *Map) Place(address string, at netip.AddrPort) error {
	return m.place(address, at, !at.IsValid() || at.Addr().IsLoopback())
}

// Blackhole makes an address silent: a Dial to it waits until its context ends.
func (m *Map) Blackhole(address string) error {
	return m.place(address, netip.AddrPortFrom(netip.IPv4Unspecified(), 0), true)
}

func (m *Map) place(address string, at netip.AddrPort, harmless bool) error {
	public, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("place %s: %w", address, err)
	}
	if !harmless {
		return fmt.Errorf("place %s: %s is not loopback", address, at)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stand == nil {
		m.stand = make(map[netip.AddrPort]netip.AddrPort)
	}
	m.stand[plain(public)] = at
	return nil
}

// Dial is like net.Dialer's DialContext for the addresses of the map, for "tcp", "tcp4" and "tcp6". Where nothing stands
// the connection is refused. Names are not looked up, and nothing outside of loopback is ever reached.
func (m *Map) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	public, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	failed := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(public), Err: err}
	}
	public = plain(public)
	switch {
	case network == "tcp4" && !public.Addr().Is4(), network == "tcp6" && public.Addr().Is4():
		return failed(&net.AddrError{Err: "no suitable address", Addr: address})
	case network != "tcp" && network != "tcp4" && network != "tcp6":
		return failed(net.UnknownNetworkError(network))
	}
	m.mu.Lock()
	at := m.stand[public]
	m.mu.Unlock()
	switch {
	case !at.IsValid():
		return failed(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	case at.Addr().IsUnspecified():
		<-ctx.Done()
		return failed(ctx.Err())
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", at.String())
}

// plain is an IPv4 address as such, also when it was written as an IPv6 one.
func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
