package nft

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Names of the sets; those for addresses end with the number of their family.
const (
	setPorts  = "ports"
	setAllow  = "allow"
	setBan    = "ban"
	ofNetwork = "net" // behind the family: ban4net
)

// Names of the chains.
const (
	chainHook = "prerouting"
	chainMail = "mail"
)

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
		all = append(all,
			&nftables.Set{Name: setAllow + f.number, KeyType: f.key, Interval: true},
			&nftables.Set{Name: setBan + f.number, KeyType: f.key, HasTimeout: true, Size: maxAddrs + spare},
			&nftables.Set{Name: setBan + f.number + ofNetwork, KeyType: f.key, Interval: true, HasTimeout: true, Size: 2*maxNets + spare})
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
}

var families = [...]family{
	{"4", "ip", nftables.TypeIPAddr, unix.NFPROTO_IPV4, 12, 4},
	{"6", "ip6", nftables.TypeIP6Addr, unix.NFPROTO_IPV6, 8, 16},
}

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return families[0]
	}
	return families[1]
}

// setOf names the set that a ban of p lies in.
func setOf(p netip.Prefix) string {
	name := setBan + familyOf(p.Addr()).number
	if !p.IsSingleIP() {
		name += ofNetwork
	}
	return name
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
		rules = append(rules, from(f, setAllow+f.number, "return", &expr.Verdict{Kind: expr.VerdictReturn}))
	}
	for _, f := range families {
		for _, set := range []string{setBan + f.number, setBan + f.number + ofNetwork} {
			rules = append(rules, from(f, set, "counter drop", &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}))
		}
	}
	return rules
}

// from is about packets whose source is in a set.
func from(f family, set, text string, then ...expr.Any) rule {
	return rule{fmt.Sprintf("%s saddr @%s %s", f.name, set, text), append([]expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{f.proto}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: f.offset, Len: f.size},
		&expr.Lookup{SourceRegister: 1, SetName: set},
	}, then...)}
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
