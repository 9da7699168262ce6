package dns

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"postward/test/world"
)

// served starts a real server on loopback, UDP and TCP at one port, and returns a Config that asks it alone.
func served(t *testing.T, answer mdns.HandlerFunc) Config {
	t.Helper()
	udp, tcp, err := world.Pair("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*mdns.Server{{PacketConn: udp, Handler: answer}, {Listener: tcp, Handler: answer}} {
		up, down := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() {
			defer close(down)
			_ = s.ActivateAndServe() // ends with the listener
		}()
		<-up
		t.Cleanup(func() {
			_ = s.Shutdown()
			<-down
		})
	}
	return Config{Servers: []netip.AddrPort{udp.LocalAddr().(*net.UDPAddr).AddrPort()}, Timeout: 300 * time.Millisecond, Attempts: 1}
}

// says is a handler that sends what change makes of an empty reply; nil is silence. asked counts.
func says(asked *atomic.Int32, change func(m *mdns.Msg, udp bool) *mdns.Msg) mdns.HandlerFunc {
	return func(w mdns.ResponseWriter, r *mdns.Msg) {
		if asked != nil {
			asked.Add(1)
		}
		m := new(mdns.Msg)
		m.SetReply(r)
		_, udp := w.RemoteAddr().(*net.UDPAddr)
		if m = change(m, udp); m != nil {
			_ = w.WriteMsg(m) // who asked may be gone
		}
	}
}

func rr(t *testing.T, lines ...string) []mdns.RR {
	t.Helper()
	var all []mdns.RR
	for _, line := range lines {
		r, err := mdns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func client(t *testing.T, c Config) *Client {
	t.Helper()
	made, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
