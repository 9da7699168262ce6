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

// served is a Config that asks a name server on loopback alone, which answers so.
func served(t *testing.T, answer mdns.HandlerFunc) Config {
	t.Helper()
	return Config{Servers: []netip.AddrPort{world.Serve(t, answer)}, Timeout: 2 * time.Second, Attempts: 1} // a busy machine takes its time
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
