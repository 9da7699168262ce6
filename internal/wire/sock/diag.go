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
	idOffset    = 4  // struct inet_diag_sockid in a message: ports at 0 and 2, addresses at 4 and 20
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
	b := host.AppendUint32(nil, headerSize+requestSize)
	b = host.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = host.AppendUint16(b, unix.NLM_F_REQUEST)
	b = host.AppendUint32(b, sequence)
	b = host.AppendUint32(b, 0) // to the kernel
	b = append(b, family(local.Addr()), unix.IPPROTO_TCP, 0, 0)
	b = host.AppendUint32(b, allState)
	b = binary.BigEndian.AppendUint16(b, local.Port())
	b = binary.BigEndian.AppendUint16(b, remote.Port())
	b = appendAddr(appendAddr(b, local.Addr()), remote.Addr())
	for _, n := range []uint32{0, noCookie, noCookie} { // of any interface
		b = host.AppendUint32(b, n)
	}
	return b
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
