package nft

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Names of the sets; those for addresses end with the number of their family, and with what they hold if it is not single addresses.
const (
	setPorts  = "ports"
	setAllow  = "allow"
	setBan    = "ban"
	setLogin  = "login" // who is banned from logging in alone
	ofHost    = "host"  // the /64 that a host of IPv6 has: ban6host
	ofNetwork = "net"   // other prefixes: ban4net
)

// Names of the chains.
const (
	chainHook   = "prerouting"
	chainMail   = "mail"
	chainLogins = "logins"
)

// mailPort is the one by which mail comes that nobody logs in for (RFC 5321 section 4.5.4.2).
const mailPort = 25

// Bounds of the kernel's memory: a set with more is an error. A prefix is two elements; for the moment of a transaction,
// what is added again is there twice.
const (
	maxAddrs = 1 << 17
	maxNets  = 1 << 14
	spare    = 2 * chunk
)

func ours() *nftables.Table {
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: Name}
}

// sets are those of the table, without what is in them.
func sets() []*nftables.Set {
	all := []*nftables.Set{{Name: setPorts, KeyType: nftables.TypeInetService}}
	for _, f := range families {
		all = append(all, &nftables.Set{Name: setAllow + f.number, KeyType: f.key, Interval: true})
	}
	for _, g := range groups() {
		all = append(all, g.set())
	}
	for i, s := range all {
		s.Table, s.ID = ours(), uint32(i+1)
	}
	return all
}

// family is how a family of addresses is named and where a packet has its source.
type family struct {
	number, name string
	key          nftables.SetDatatype
	proto        byte
	offset, size uint32 // of the source in the network header: RFC 791 3.1, RFC 8200 3
	hosts        []int  // lengths of prefixes that a host has for its own: each has a hash
}

var families = [...]family{
	{"4", "ip", nftables.TypeIPAddr, unix.NFPROTO_IPV4, 12, 4, []int{32}},
	{"6", "ip6", nftables.TypeIP6Addr, unix.NFPROTO_IPV6, 8, 16, []int{128, 64}},
}

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return families[0]
	}
	return families[1]
}

// group is what lies in one set: prefixes of a family that are banned in one way, of one length or of any other.
type group struct {
	family
	logins bool // banned from logging in alone
	bits   int  // 0: other lengths than those that have a hash
}

// groups are all of them, in the order of the sets and rules.
func groups() (all []group) {
	for _, logins := range []bool{false, true} {
		for _, f := range families {
			for _, bits := range f.hosts {
				all = append(all, group{f, logins, bits})
			}
			all = append(all, group{f, logins, 0})
		}
	}
	return all
}

// groupOf is where a ban lies.
func groupOf(p netip.Prefix, logins bool) group {
	g := group{familyOf(p.Addr()), logins, 0}
	if slices.Contains(g.hosts, p.Bits()) {
		g.bits = p.Bits()
	}
	return g
}

// other is where the same prefixes lie when they are banned in the other way.
func (g group) other() group {
	g.logins = !g.logins
	return g
}

func (g group) name() string {
	name := setBan
	if g.logins {
		name = setLogin
	}
	name += g.number
	switch g.bits {
	case 0:
		name += ofNetwork
	case int(g.size) * 8:
	default:
		name += ofHost
	}
	return name
}

// set is where it lies. A prefix is the hash of its first address: the kernel walks through an interval set for each element that is
// put into it, and a thousand guessers of IPv6, with a /64 each, are no rarity.
func (g group) set() *nftables.Set {
	s := &nftables.Set{Table: ours(), Name: g.name(), KeyType: g.key, HasTimeout: true, Size: maxAddrs + spare}
	if g.bits == 0 {
		s.Interval, s.Size = true, 2*maxNets+spare
	}
	return s
}

// chain is one of ours with its rules, in their order.
type chain struct {
	*nftables.Chain
	hook  string // what nft(8) calls its place
	rules []rule
}

// rule is one for the kernel, and what nft(8) calls it.
type rule struct {
	text  string
	exprs []expr.Any
}

// chains are in the order in which they can be made: a jump leads to one that is there.
func chains() []chain {
	accept := nftables.ChainPolicyAccept
	return []chain{
		{Chain: &nftables.Chain{Table: ours(), Name: chainLogins}, rules: dropping(true)},
		{Chain: &nftables.Chain{Table: ours(), Name: chainMail}, rules: mailRules()},
		{Chain: &nftables.Chain{Table: ours(), Name: chainHook, Type: nftables.ChainTypeFilter, Policy: &accept,
			Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw},
			hook: "type filter hook prerouting priority raw; policy accept;", rules: []rule{toMail()}},
	}
}

func toMail() rule {
	return rule{"tcp dport @" + setPorts + " jump " + chainMail, []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}, // RFC 9293 3.1
		&expr.Lookup{SourceRegister: 1, SetName: setPorts},
		&expr.Verdict{Kind: expr.VerdictJump, Chain: chainMail},
	}}
}

func mailRules() (rules []rule) {
	for _, f := range families {
		g := group{family: f}
		rules = append(rules, g.from(setAllow+f.number, "return", &expr.Verdict{Kind: expr.VerdictReturn}))
	}
	return append(append(rules, dropping(false)...), toLogins())
}

// toLogins leads to the bans of logins whatever is for another port than that of mail.
func toLogins() rule {
	return rule{fmt.Sprintf("tcp dport != %d jump %s", mailPort, chainLogins), []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}, // RFC 9293 3.1
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, mailPort)},
		&expr.Verdict{Kind: expr.VerdictJump, Chain: chainLogins},
	}}
}

// dropping are the rules for who is banned, in one of the ways.
func dropping(logins bool) (rules []rule) {
	for _, g := range groups() {
		if g.logins == logins {
			rules = append(rules, g.from(g.name(), "counter drop", &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}))
		}
	}
	return rules
}

// from is about packets whose source, or its prefix, is in a set.
func (g group) from(set, text string, then ...expr.Any) rule {
	exprs := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{g.proto}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: g.offset, Len: g.size},
	}
	source := g.family.name + " saddr"
	if all := 8 * int(g.size); g.bits != 0 && g.bits != all {
		mask := net.CIDRMask(g.bits, all)
		source += " & " + net.IP(mask).String()
		exprs = append(exprs, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: g.size, Mask: mask, Xor: make([]byte, g.size)})
	}
	exprs = append(exprs, &expr.Lookup{SourceRegister: 1, SetName: set})
	return rule{fmt.Sprintf("%s @%s %s", source, set, text), append(exprs, then...)}
}

// ports are the keys of the set of ports, sorted.
func (t *Table) ports() (keys [][]byte) {
	list := slices.Clone(t.Ports)
	if len(list) == 0 {
		list = slices.Clone(MailPorts)
	}
	slices.Sort(list)
	for _, p := range slices.Compact(list) {
		keys = append(keys, binary.BigEndian.AppendUint16(nil, p))
	}
	return keys
}
