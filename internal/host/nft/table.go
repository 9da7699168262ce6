package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Ban keeps a prefix away from the mail ports. A single address is a /32 or a /128. A prefix has one ban.
type Ban struct {
	Prefix netip.Prefix  `json:"prefix"`           // without host bits, of either family, not an IPv4-mapped one
	For    time.Duration `json:"for"`              // from now on, at least a millisecond; in a list, what is left of it (0: without an end, by somebody else's hand)
	Logins bool          `json:"logins,omitempty"` // from all of them but port 25: mail comes by it that nobody logs in for
}

// What is wrong with the table, or the kernel.
var (
	// ErrUnavailable: this kernel has no nf_tables, or this process may not use it.
	ErrUnavailable = errors.New("bans need nf_tables in the kernel and the right CAP_NET_ADMIN: run postward serve as root, " +
		"under a unit whose CapabilityBoundingSet has CAP_NET_ADMIN, and see whether `nft list tables` works")
	// ErrMissing: the table is not there, or not whole: somebody flushed the ruleset. Ensure mends it.
	ErrMissing = errors.New("the table inet postward is not there, or was changed: ensure it, and add the bans again")
)

// MailPorts are the TCP ports of SMTP, submission, POP3, IMAP and ManageSieve, with and without TLS.
var MailPorts = []uint16{25, 110, 143, 465, 587, 993, 995, 4190}

// LoginPorts are those that a ban of logins closes, of the ports that a ban closes.
func LoginPorts(ports []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(ports), func(p uint16) bool { return p == mailPort })
}

// Name is the table's, in the family inet.
const Name = "postward"

const (
	exchange  = 10 * time.Second // the kernel answers while it is asked: what takes longer is a fault
	sendRoom  = 4 << 20          // octets of one transaction
	pieceRoom = 32 << 10         // octets of a dump at a time: the most that the kernel fills
)

// Table is the table in the kernel of this network namespace.
type Table struct {
	Ports []uint16 // that a ban closes; MailPorts if none is named

	conn  *nftables.Conn
	empty map[string]bool // sets that were empty when they were last made or read, and that nothing was added to since
}

// Open looks whether there is a kernel that takes a table. It makes none: Ensure does. The error is ErrUnavailable, or
// says why the kernel could not be asked.
func Open() (*Table, error) {
	t := new(Table)
	t.begin()
	_, err := t.there()
	if errors.Is(err, unix.EINVAL) { // nfnetlink knows no such subsystem
		err = fmt.Errorf("%w (%w)", err, unix.EOPNOTSUPP)
	}
	if err != nil {
		return nil, explain("open nf_tables", err)
	}
	return t, nil
}

// begin forgets what was not sent. Each exchange with the kernel has a socket of its own.
func (t *Table) begin() {
	t.conn = &nftables.Conn{}
	nftables.WithSockOptions(
		func(c *netlink.Conn) error { return c.SetDeadline(time.Now().Add(exchange)) },
		func(c *netlink.Conn) error { return c.SetWriteBuffer(sendRoom) },
		widen,
	)(t.conn)
}

// widen makes the kernel fill 32 KiB at a time when it dumps a set, instead of 4: for each piece it walks again through
// all that it has dumped, and a hundred thousand bans took ten seconds. It goes by the longest buffer that was ever
// waiting when a message came, so one is asked for: the number of the generation.
func widen(c *netlink.Conn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	ask, err := (&netlink.Message{Header: netlink.Header{Length: 20, Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: netlink.Request}, Data: make([]byte, 4)}).MarshalBinary()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if failed = unix.Sendto(int(fd), ask, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); failed == nil {
			_, _, failed = unix.Recvfrom(int(fd), make([]byte, pieceRoom), unix.MSG_DONTWAIT) // the answer is there already
		}
	})
	return errors.Join(err, failed)
}

// getGeneration asks which transaction was the last: a message of struct nfgenmsg alone.
var getGeneration = netlink.Message{Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: netlink.Request}, Data: make([]byte, 4)}

// Generation is the number of the last transaction that nf_tables carried out, in whichever table: while it stays, nobody changed
// anything. That the time of a ban is over is no transaction.
func (t *Table) Generation() (uint32, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return 0, explain("ask for the generation of nf_tables", err)
	}
	defer c.Close()
	var answers []netlink.Message
	if err = c.SetDeadline(time.Now().Add(exchange)); err == nil {
		answers, err = c.Execute(getGeneration)
	}
	if err == nil && (len(answers) != 1 || len(answers[0].Data) < 12) {
		err = fmt.Errorf("%d answers", len(answers))
	}
	if err != nil {
		return 0, explain("ask for the generation of nf_tables", err)
	}
	return binary.BigEndian.Uint32(answers[0].Data[8:]), nil // NFTA_GEN_ID comes first
}

// Drop takes the table away, with every ban. That it is not there is no error.
func (t *Table) Drop() error {
	t.begin()
	there, err := t.there()
	if err == nil && there != nil {
		t.conn.DelTable(ours())
		err = t.conn.Flush()
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return explain("drop the table inet postward", err)
	}
	return nil
}

// there returns our table as the kernel has it, nil if it has none.
func (t *Table) there() (*nftables.Table, error) {
	tables, err := t.conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, err
	}
	for _, one := range tables {
		if one.Name == Name && one.Family == nftables.TableFamilyINet {
			return one, nil
		}
	}
	return nil, nil
}

// explain says what was tried, and names what the administrator can do about it.
func explain(tried string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EOPNOTSUPP),
		errors.Is(err, unix.EPROTONOSUPPORT):
		return fmt.Errorf("%s: %w (the kernel says: %w)", tried, ErrUnavailable, err)
	case errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("%s: %w: the set is full (it has room for %d addresses, or %d networks), lift bans or wait for their end", tried, err, maxAddrs, maxNets)
	}
	return fmt.Errorf("%s: %w", tried, err)
}
