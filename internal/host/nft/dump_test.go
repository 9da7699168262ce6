package nft

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// nested is an attribute that holds others.
func nested(t testing.TB, kind uint16, in ...netlink.Attribute) netlink.Attribute {
	t.Helper()
	b, err := netlink.MarshalAttributes(in)
	if err != nil {
		t.Fatal(err)
	}
	return netlink.Attribute{Type: kind | unix.NLA_F_NESTED, Data: b}
}

// piece is what the kernel sends of a set with some addresses, an hour left of each.
func piece(t testing.TB, addrs ...string) []byte {
	t.Helper()
	var all []netlink.Attribute
	for _, a := range addrs {
		key := nested(t, unix.NFTA_SET_ELEM_KEY, netlink.Attribute{Type: unix.NFTA_DATA_VALUE, Data: netip.MustParseAddr(a).AsSlice()})
		left := netlink.Attribute{Type: unix.NFTA_SET_ELEM_EXPIRATION, Data: []byte{0, 0, 0, 0, 0, 0x36, 0xee, 0x80}}
		all = append(all, nested(t, unix.NFTA_LIST_ELEM, left, key))
	}
	table := netlink.Attribute{Type: unix.NFTA_SET_ELEM_LIST_TABLE, Data: []byte("postward\x00")}
	list := nested(t, unix.NFTA_SET_ELEM_LIST_ELEMENTS, all...)
	body, err := netlink.MarshalAttributes([]netlink.Attribute{table, list})
	if err != nil {
		t.Fatal(err)
	}
	return message(t, unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWSETELEM, append([]byte{unix.NFPROTO_INET, 0, 0, 0}, body...))
}

func message(t testing.TB, kind uint16, body []byte) []byte {
	t.Helper()
	b, err := (&netlink.Message{Header: netlink.Header{Length: uint32(16 + len(body)), Type: netlink.HeaderType(kind)}, Data: body}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestADumpIsReadPieceByPiece(t *testing.T) {
	var got []nftables.SetElement
	first := slices.Concat(piece(t, "203.0.113.7", "203.0.113.8"), piece(t, "203.0.113.9"))
	if done, err := readPiece(first, &got); done || err != nil {
		t.Fatal(done, err)
	}
	if done, err := readPiece(slices.Concat(piece(t, "203.0.113.10"), message(t, unix.NLMSG_DONE, make([]byte, 4))), &got); !done || err != nil {
		t.Fatal(done, err)
	}
	var names []string
	groupOf(netip.MustParsePrefix("203.0.113.9/32"), false).eachOf(got, func(b Ban) {
		if names = append(names, b.Prefix.String()); b.For != time.Hour {
			t.Errorf("%s: %s are left", b.Prefix, b.For)
		}
	})
	if want := []string{"203.0.113.7/32", "203.0.113.8/32", "203.0.113.9/32", "203.0.113.10/32"}; !slices.Equal(names, want) {
		t.Error(names)
	}
}

func TestADumpThatFailsSaysSo(t *testing.T) {
	var got []nftables.SetElement
	for _, kind := range []uint16{unix.NLMSG_DONE, unix.NLMSG_ERROR} {
		gone := message(t, kind, binary.NativeEndian.AppendUint32(nil, ^uint32(1))) // -2
		if done, err := readPiece(gone, &got); !done || err != unix.ENOENT {
			t.Errorf("%d: %v %v", kind, done, err)
		}
	}
}

func FuzzReadPiece(f *testing.F) {
	f.Add(piece(f, "203.0.113.7"))
	f.Add(piece(f, "2001:db8::1", "2001:db8::2"))
	f.Add(message(f, unix.NLMSG_DONE, make([]byte, 4)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got []nftables.SetElement
		if _, err := readPiece(b, &got); err == nil {
			groupOf(netip.MustParsePrefix("203.0.113.9/32"), false).eachOf(got, func(Ban) {})
		}
	})
}
