package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// dump hands over what is in a set, some hundred elements at a time, which are the caller's until it returns: the library keeps all of
// them until the last has come, and a hundred thousand took 60 MiB. What came twice, or not at all, because somebody changed the set
// meanwhile is not told.
func dump(s *nftables.Set, take func([]nftables.SetElement)) error {
	fd, err := ask(unix.NFT_MSG_GETSETELEM, unix.NLM_F_DUMP, netlink.Attribute{Type: unix.NFTA_SET_TABLE, Data: []byte(s.Table.Name + "\x00")},
		netlink.Attribute{Type: unix.NFTA_SET_NAME, Data: []byte(s.Name + "\x00")})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	buffer, elements := make([]byte, 2*pieceRoom), []nftables.SetElement(nil)
	for {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if err != nil {
			return fmt.Errorf("hear of the set %s: %w", s.Name, err)
		}
		done, err := readPiece(buffer[:n], &elements)
		if err != nil {
			return fmt.Errorf("read of the set %s: %w", s.Name, err)
		}
		if take(elements); done {
			return nil
		}
		elements = elements[:0]
	}
}

// ask sends a request about the family inet to nf_tables, on a socket that the caller closes.
func ask(kind, flags uint16, about ...netlink.Attribute) (fd int, err error) {
	body, err := netlink.MarshalAttributes(about)
	if err != nil {
		return 0, err
	}
	request := netlink.Message{Data: append([]byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}, body...)}
	request.Header = netlink.Header{Length: uint32(unix.NLMSG_HDRLEN + len(request.Data)), Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind),
		Flags: netlink.HeaderFlags(unix.NLM_F_REQUEST | flags), Sequence: 1}
	message, err := request.MarshalBinary()
	if err != nil {
		return 0, err
	}
	if fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER); err != nil {
		return 0, err
	}
	wait := unix.NsecToTimeval(exchange.Nanoseconds())
	err = errors.Join(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait), unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// readPiece reads what came at once of a dump. done: it was the last.
func readPiece(b []byte, elements *[]nftables.SetElement) (done bool, err error) {
	messages, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return false, err
	}
	for _, m := range messages {
		switch m.Header.Type {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR: // an int first: 0, or the error
			if len(m.Data) >= 4 {
				if n := int32(binary.NativeEndian.Uint32(m.Data)); n != 0 {
					return true, unix.Errno(-n)
				}
			}
			return true, nil
		case unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWSETELEM:
			readElements(m.Data, elements)
		}
	}
	return false, nil
}

// readElements reads a message of a dump: struct nfgenmsg, then nft_set_elem_list_attributes of linux/netfilter/nf_tables.h.
func readElements(b []byte, elements *[]nftables.SetElement) {
	for kind, list := range attributes(b[min(4, len(b)):]) {
		if kind != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			continue
		}
		for _, one := range attributes(list) {
			*elements = append(*elements, element(one))
		}
	}
}

// element reads nft_set_elem_attributes. Its key lies in b.
func element(b []byte) (e nftables.SetElement) {
	for kind, value := range attributes(b) {
		switch {
		case kind == unix.NFTA_SET_ELEM_KEY:
			for kind, key := range attributes(value) {
				if kind == unix.NFTA_DATA_VALUE {
					e.Key = key
				}
			}
		case kind == unix.NFTA_SET_ELEM_FLAGS && len(value) == 4:
			e.IntervalEnd = binary.BigEndian.Uint32(value)&unix.NFT_SET_ELEM_INTERVAL_END != 0
		case kind == unix.NFTA_SET_ELEM_EXPIRATION && len(value) == 8:
			e.Expires = time.Duration(binary.BigEndian.Uint64(value)) * time.Millisecond
		}
	}
	return e
}

// attributes are those of netlink(7), one behind the other, each with its type.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofNlAttr {
			size := int(binary.NativeEndian.Uint16(b))
			if size < unix.SizeofNlAttr || size > len(b) {
				return
			}
			if !yield(binary.NativeEndian.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofNlAttr:size]) {
				return
			}
			b = b[min((size+3)&^3, len(b)):] // NLA_ALIGN
		}
	}
}
