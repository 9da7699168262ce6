package sock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// ErrNoDestroy says that this kernel ends no connection of another process (CONFIG_INET_DIAG_DESTROY, ss(8) -K).
var ErrNoDestroy = errors.New("this kernel cannot end the connections of other processes (CONFIG_INET_DIAG_DESTROY): they end by themselves")

// Bounds of a dump.
const (
	dumpWait   = 5        // seconds, for each answer
	dumpBuffer = 64 << 10 // the kernel fills 32 KiB at most
	maxSockets = 1 << 18
)

// connected are the states of a TCP socket that has somebody at its other end (tcp_states.h), as bits: SYN-RECEIVED in
// both its forms, ESTABLISHED, and what is being closed. Not TIME-WAIT, of which nothing is left.
const connected = 1<<1 | 1<<3 | 1<<4 | 1<<5 | 1<<8 | 1<<9 | 1<<11 | 1<<12

// socket is the one of a connection as the kernel dumps it.
type socket struct {
	local, remote netip.AddrPort
	family        byte
	id            [idSize]byte // struct inet_diag_sockid, with the cookie that no other socket has
}

// Destroy ends those TCP connections of this network namespace that have one of the ports at this end and at the other
// an address that whose says yes to (sock_diag(7), SOCK_DESTROY): the process gets ECONNABORTED and the other end a reset.
// It returns how many it ended. The right CAP_NET_ADMIN is needed. The error is ErrNoDestroy where the kernel cannot;
// without a connection to end nobody asks whether it could.
func Destroy(ports []uint16, whose func(netip.Addr) bool) (ended int, err error) {
	for _, port := range ports {
		for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
			n, err := destroyAt(family, port, whose)
			ended += n
			if err != nil {
				return ended, fmt.Errorf("end connections at port %d: %w", port, err)
			}
		}
	}
	return ended, nil
}

func destroyAt(family byte, port uint16, whose func(netip.Addr) bool) (ended int, err error) {
	fd, err := dial(&unix.Timeval{Sec: dumpWait})
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	all, err := dump(fd, family, port)
	for _, c := range all {
		if c.local.Port() != port || !whose(c.remote.Addr()) {
			continue
		}
		switch err := destroy(fd, c); {
		case err == nil:
			ended++
		case !errors.Is(err, ErrNoSocket): // which ended by itself
			return ended, err
		}
	}
	return ended, err
}

// dump asks for the connections of a family at a port of this host.
func dump(fd int, family byte, port uint16) (all []socket, err error) {
	var id [idSize]byte
	binary.BigEndian.PutUint16(id[:], port)
	if err := say(fd, order(unix.SOCK_DIAG_BY_FAMILY, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, family, connected, id)); err != nil {
		return nil, err
	}
	buffer := make([]byte, dumpBuffer)
	for done := false; !done; {
		n, err := hear(fd, buffer)
		if err != nil {
			return all, err
		}
		if all, done, err = readDump(buffer[:n], all); err != nil {
			return all, err
		}
	}
	return all, nil
}

// destroy ends one connection.
func destroy(fd int, c socket) error {
	if err := say(fd, order(unix.SOCK_DESTROY, unix.NLM_F_REQUEST|unix.NLM_F_ACK, c.family, allState, c.id)); err != nil {
		return err
	}
	answer := make([]byte, maxAnswer)
	n, err := hear(fd, answer)
	if err != nil {
		return err
	}
	return readAcknowledgement(answer[:n])
}

// readDump reads one buffer of a dump: connections, and at its end whether there is no more. all is what came before.
func readDump(b []byte, all []socket) (_ []socket, done bool, err error) {
	for len(b) > 0 {
		kind, body, err := openMessage(b)
		if err != nil {
			return all, false, err
		}
		b = b[min(len(b), (headerSize+len(body)+3)&^3):] // NLMSG_ALIGN
		switch {
		case kind == unix.NLMSG_DONE:
			return all, true, nil
		case kind == unix.NLMSG_ERROR:
			return all, false, readError(body)
		case kind != unix.SOCK_DIAG_BY_FAMILY || len(body) < messageSize:
			return all, false, fmt.Errorf("%w: a message of type %d with %d octets", errAnswer, kind, len(body))
		case len(all) == maxSockets:
			return all, false, fmt.Errorf("%w: it names more than %d connections", errAnswer, maxSockets)
		}
		all = append(all, socket{end(body, 0, 4), end(body, 2, 20), body[0], [idSize]byte(body[idOffset : idOffset+idSize])})
	}
	return all, false, nil
}

// readAcknowledgement reads what the kernel says to an order.
func readAcknowledgement(b []byte) error {
	kind, body, err := openMessage(b)
	switch {
	case err != nil:
		return err
	case kind != unix.NLMSG_ERROR || len(body) < 4:
		return fmt.Errorf("%w: a message of type %d with %d octets", errAnswer, kind, len(body))
	case binary.NativeEndian.Uint32(body) == 0:
		return nil
	}
	if err = readError(body); errors.Is(err, unix.EOPNOTSUPP) {
		return ErrNoDestroy
	}
	return err
}
