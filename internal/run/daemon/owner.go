package daemon

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"postward/internal/run/health"
	"postward/internal/wire/sock"
)

const (
	ownerWait    = 200 * time.Millisecond // for the kernel to say who connected; a busy machine has other things to do first
	addressesFor = 10 * time.Second       // how old the list of the host's addresses may be
)

// owners finds out which user of this host a client of Postfix is. It knows nothing of the State.
type owners struct {
	questions chan question // whose a connection is; answer reads them
	addresses addresses
	nameless  *health.Nameless
}

// question asks whose a connection is.
type question struct {
	client, server netip.AddrPort
	answer         chan<- owner // has room
}

type owner struct {
	uid uint32
	err error
}

// answer puts the questions of milter sessions to the kernel until ctx ends, one after the other: each takes some
// microseconds. Where the kernel stalls, this waits and no session does.
func (o *owners) answer(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case q := <-o.questions:
			uid, err := sock.Owner(q.client, q.server)
			q.answer <- owner{uid, err}
		}
	}
}

var errSlow = errors.New("it did not say so in time")

func (o *owners) ask(client, server netip.AddrPort) (uid uint32, err error) {
	late := time.NewTimer(ownerWait)
	defer late.Stop()
	answer := make(chan owner, 1)
	select {
	case o.questions <- question{client, server, answer}:
	case <-late.C:
		return 0, errSlow
	}
	select {
	case is := <-answer:
		return is.uid, is.err
	case <-late.C:
		return 0, errSlow
	}
}

// userOf names the user of this host who connected to Postfix; empty when it was not from this host, or is not known.
// One that has hung up already was of this host; where there is no socket it may have been a container with an address
// of ours.
func (o *owners) userOf(client, server netip.AddrPort) string {
	if !o.addresses.own(client.Addr(), server.Addr(), time.Now()) {
		return ""
	}
	uid, err := o.ask(client, server)
	switch {
	case err == nil:
		o.nameless.KernelSays(nil)
		return userName(uint64(uid))
	case errors.Is(err, sock.ErrClosed):
		o.nameless.KernelSays(nil)
		if !client.Addr().IsLoopback() { // loopback says by itself that it is this host
			return health.UnknownUser
		}
	case errors.Is(err, sock.ErrNoSocket), errors.Is(err, errSlow): // nothing is wrong for long
	default:
		o.nameless.KernelSays(err)
	}
	return ""
}

// addresses are those of this host, looked up now and then.
type addresses struct {
	mu   sync.Mutex
	list map[netip.Addr]bool
	at   time.Time
}

// own reports whether a client is this host itself. One that calls an address from that same address is.
func (a *addresses) own(client, server netip.Addr, now time.Time) bool {
	if client.IsLoopback() || client == server {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.list == nil || now.Sub(a.at) >= addressesFor {
		a.list, a.at = hostAddresses(), now
	}
	return a.list[client.WithZone("")]
}

func hostAddresses() map[netip.Addr]bool {
	list := map[netip.Addr]bool{}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return list // loopback and who calls himself are known without it
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list[p.Addr().Unmap().WithZone("")] = true
		}
	}
	return list
}
