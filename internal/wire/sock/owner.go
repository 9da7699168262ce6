package sock

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Why nobody can be named for a connection.
var (
	// ErrNoSocket: this network namespace has no such socket. It was reset, or it is another host's or container's.
	ErrNoSocket = errors.New("this host has no such socket")
	// ErrClosed: the socket is here, and its process has let go of it. Older kernels call root the owner of such a one.
	ErrClosed = errors.New("its process has closed it")
)

// ownerWait bounds the wait for the kernel's answer, in microseconds. The kernel answers while it is asked.
const ownerWait = 20_000

// Owner returns the user whose process opened a TCP connection from client to server, two ends on this host: who made
// the socket of the client's end (sock_diag(7), one exact question, no privilege needed). A process that changed its
// user afterwards counts as who it was. An address with a zone is asked for without it. The error is ErrNoSocket,
// ErrClosed, or says why the kernel could not be asked. It takes some microseconds, and longer if the kernel has to
// load a module first: a caller with a deadline waits in a goroutine of its own.
func Owner(client, server netip.AddrPort) (uid uint32, err error) {
	client, server = plain(client), plain(server)
	if client.Port() == 0 || server.Port() == 0 || client.Addr().BitLen() != server.Addr().BitLen() {
		return 0, fmt.Errorf("ask who opened %s to %s: no such two ends can be: %w", client, server, ErrNoSocket)
	}
	answer, err := askKernel(question(client, server))
	if err == nil {
		uid, err = readOwner(answer, client, server)
	}
	if err != nil {
		return 0, fmt.Errorf("ask who opened %s to %s: %w", client, server, err)
	}
	return uid, nil
}

func plain(p netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port())
}

// askKernel sends a question to the kernel and returns its answer.
func askKernel(question []byte) ([]byte, error) {
	fd, err := dial(&unix.Timeval{Usec: ownerWait})
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := say(fd, question); err != nil {
		return nil, err
	}
	answer := make([]byte, maxAnswer)
	n, err := hear(fd, answer)
	return answer[:n], err
}
