package world

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"

	mdns "github.com/miekg/dns"
)

// Serve has a handler answer on UDP and TCP at one port of loopback until the test ends. A test that wants zones starts a
// [Server].
func Serve(t testing.TB, answer mdns.HandlerFunc) netip.AddrPort {
	t.Helper()
	l, err := listen("127.0.0.1:0", answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.close() }) // what counts is what the test got
	return l.addr
}

// listener has a handler answer on UDP and TCP at one port.
type listener struct {
	addr    netip.AddrPort
	running []*mdns.Server
	ended   sync.WaitGroup
}

func listen(addr string, answer mdns.Handler) (*listener, error) {
	udp, tcp, err := onePort(addr)
	if err != nil {
		return nil, err
	}
	l := &listener{addr: udp.LocalAddr().(*net.UDPAddr).AddrPort()}
	for _, d := range []*mdns.Server{{PacketConn: udp, Handler: answer}, {Listener: tcp, Handler: answer}} {
		up := make(chan struct{})
		d.NotifyStartedFunc = func() { close(up) }
		l.ended.Go(func() { _ = d.ActivateAndServe() }) // ends with the listener
		<-up
		l.running = append(l.running, d)
	}
	return l, nil
}

// onePort opens UDP and TCP at one port. A free port of UDP may be taken in TCP: then another one is tried.
func onePort(addr string) (*net.UDPConn, net.Listener, error) {
	at, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, nil, err
	}
	if !at.IP.IsLoopback() {
		return nil, nil, fmt.Errorf("%s is not loopback", addr)
	}
	for tries := 0; ; tries++ {
		udp, err := net.ListenUDP("udp", at)
		if err != nil {
			return nil, nil, err
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			_ = udp.SetReadBuffer(4 << 20) // as much as the system gives: hundreds of questions come at once
			return udp, tcp, nil
		}
		udp.Close()
		if at.Port != 0 || tries == 20 {
			return nil, nil, err
		}
	}
}

// close ends it, and waits for every reply on its way.
func (l *listener) close() error {
	var errs []error
	for _, d := range l.running {
		errs = append(errs, d.Shutdown())
	}
	l.running = nil
	l.ended.Wait()
	return errors.Join(errs...)
}
