package nft

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Ban keeps a prefix away from the mail ports. A single address is a /32 or a /128.
type Ban struct {
	Prefix netip.Prefix  `json:"prefix"` // without host bits, of either family, not an IPv4-mapped one
	For    time.Duration `json:"for"`    // from now on, at least a millisecond; in a list, what is left of it (0: without an end, by somebody else's hand)
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

// Name is the table's, in the family inet.
const Name = "postward"

const (
	exchange = 10 * time.Second // the kernel answers while it is asked: what takes longer is a fault
	sendRoom = 4 << 20          // octets of one transaction
)

// Table is the table in the kernel of this network namespace.
type Table struct {
	Ports []uint16 // that a ban closes; MailPorts if none is named

	conn *nftables.Conn
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
	)(t.conn)
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
		return fmt.Errorf("%s: %w: the set is full (%d addresses and %d prefixes of a family at most), lift bans or wait for their end", tried, err, maxAddrs, maxNets)
	}
	return fmt.Errorf("%s: %w", tried, err)
}
