package sock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// The words of sock_diag(7) and netlink(7): a header, and in it struct inet_diag_req_v2 or struct inet_diag_msg. Numbers
// are the host's, but for ports and addresses.
const (
	headerSize  = 16
	requestSize = 56
	messageSize = 72 // what follows are attributes, which are not asked for
	idOffset    = 4  // struct inet_diag_sockid in a message: ports at 0 and 2, addresses at 4 and 20, an interface, a cookie
	idSize      = 48
	uidOffset   = 64
	inodeOffset = 68
	maxAnswer   = 1024 // octets of an answer that are read

	sequence = 1
	noCookie = 1<<32 - 1 // INET_DIAG_NOCOOKIE, twice
	allState = 1<<32 - 1
)

var errAnswer = errors.New("the kernel's answer cannot be read")

// question asks for the one socket whose local end is local and whose other end is remote.
func question(local, remote netip.AddrPort) []byte {
	host := binary.NativeEndian
	id := binary.BigEndian.AppendUint16(nil, local.Port())
	id = binary.BigEndian.AppendUint16(id, remote.Port())
	id = appendAddr(appendAddr(id, local.Addr()), remote.Addr())
	for _, n := range []uint32{0, noCookie, noCookie} { // of any interface
		id = host.AppendUint32(id, n)
	}
	return order(unix.SOCK_DIAG_BY_FAMILY, unix.NLM_F_REQUEST, family(local.Addr()), allState, [idSize]byte(id))
}

// order is a message with struct inet_diag_req_v2.
func order(kind, flags uint16, family byte, states uint32, id [idSize]byte) []byte {
	host := binary.NativeEndian
	b := host.AppendUint32(nil, headerSize+requestSize)
	b = host.AppendUint16(b, kind)
	b = host.AppendUint16(b, flags)
	b = host.AppendUint32(b, sequence)
	b = host.AppendUint32(b, 0) // to the kernel
	b = append(b, family, unix.IPPROTO_TCP, 0, 0)
	b = host.AppendUint32(b, states)
	return append(b, id[:]...)
}

func family(a netip.Addr) byte {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// appendAddr appends an address in the 16 octets that both families have.
func appendAddr(b []byte, a netip.Addr) []byte {
	var whole [16]byte
	copy(whole[:], a.AsSlice())
	return append(b, whole[:]...)
}

// readOwner reads the answer to a question. Where nobody has the connection the kernel names a socket that listens at
// its local end, if there is one: an answer must be about the two ends that were asked for.
func readOwner(b []byte, local, remote netip.AddrPort) (uid uint32, err error) {
	kind, body, err := openMessage(b)
	if err != nil {
		return 0, err
	}
	if kind == unix.NLMSG_ERROR {
		return 0, readError(body)
	}
	if kind != unix.SOCK_DIAG_BY_FAMILY || len(body) < messageSize {
		return 0, fmt.Errorf("%w: a message of type %d with %d octets", errAnswer, kind, len(body))
	}
	if end(body, 0, 4) != local || end(body, 2, 20) != remote {
		return 0, ErrNoSocket
	}
	uid = binary.NativeEndian.Uint32(body[uidOffset:])
	// A socket without an inode is nobody's any more. Newer kernels still know whose it was; older ones say root.
	if uid == 0 && binary.NativeEndian.Uint32(body[inodeOffset:]) == 0 {
		return 0, ErrClosed
	}
	return uid, nil
}

// openMessage takes the header off the first message of an answer.
func openMessage(b []byte) (kind uint16, body []byte, err error) {
	if len(b) < headerSize {
		return 0, nil, fmt.Errorf("%w: %d octets", errAnswer, len(b))
	}
	size := binary.NativeEndian.Uint32(b)
	if size < headerSize || uint64(size) > uint64(len(b)) {
		return 0, nil, fmt.Errorf("%w: it says that it has %d octets of %d", errAnswer, size, len(b))
	}
	if binary.NativeEndian.Uint32(b[8:]) != sequence {
		return 0, nil, fmt.Errorf("%w: it answers another question", errAnswer)
	}
	return binary.NativeEndian.Uint16(b[4:]), b[headerSize:size], nil
}

// readError reads struct nlmsgerr: an errno, negative.
func readError(body []byte) error {
	if len(body) < 4 {
		return fmt.Errorf("%w: an error of %d octets", errAnswer, len(body))
	}
	errno := unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
	switch errno {
	case unix.ENOENT:
		return ErrNoSocket
	case 0:
		return fmt.Errorf("%w: neither a socket nor an error", errAnswer)
	}
	return fmt.Errorf("ask sock_diag: %w", errno)
}

// end reads one end of the connection in a message: the port and the address are at these places of its sockid.
func end(body []byte, port, addr int) netip.AddrPort {
	id := body[idOffset:]
	a := netip.AddrFrom16([16]byte(id[addr : addr+16]))
	if body[0] == unix.AF_INET {
		a = netip.AddrFrom4([4]byte(id[addr : addr+4]))
	}
	return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(id[port:]))
}

// dial opens a socket to sock_diag that waits so long for an answer.
func dial(wait *unix.Timeval) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return -1, fmt.Errorf("open a sock_diag socket: %w", err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, wait); err != nil {
		return -1, errors.Join(fmt.Errorf("limit the wait for sock_diag: %w", err), unix.Close(fd))
	}
	return fd, nil
}

func say(fd int, message []byte) error {
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask sock_diag: %w", err)
	}
	return nil
}

// hear reads what the kernel says next.
func hear(fd int, into []byte) (n int, err error) {
	n, from, err := unix.Recvfrom(fd, into, 0)
	if err != nil {
		return 0, fmt.Errorf("hear sock_diag: %w", err)
	}
	if kernel, ok := from.(*unix.SockaddrNetlink); !ok || kernel.Pid != 0 {
		return 0, errors.New("hear sock_diag: somebody else than the kernel spoke")
	}
	return n, nil
}
