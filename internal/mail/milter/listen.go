package milter

import (
	"fmt"
	"net"
	"strings"

	"postward/internal/wire/sock"
)

// Listen opens a milter socket: "unix:/path", or "inet:host:port" on loopback, where every user of this host can speak as
// any account.
func Listen(address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok && path != "" {
		return sock.Listen(path)
	}
	tcp, ok := strings.CutPrefix(address, "inet:")
	if !ok {
		return nil, fmt.Errorf("open milter socket: %q is neither unix:/path nor inet:host:port", address)
	}
	l, err := sock.ListenLoopback(tcp) // the net package sets TCP_NODELAY on what it accepts
	if err != nil {
		return nil, fmt.Errorf("open milter socket %s: %w", address, err)
	}
	return l, nil
}
