package postfix

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// maxTable bounds the entries read of one lookup table, maxNetworks those of one list of networks.
const (
	maxTable    = 200_000
	maxNetworks = 10_000
)

// listable are the lookup tables whose entries `postmap -s` can list. Others are asked key by key only.
var listable = []string{"hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash", "inline"}

// Table lists a lookup table ("hash:/etc/postfix/virtual"), keys in lower case and in order, or says why not.
func (p Instance) Table(ctx context.Context, name string) ([][2]string, error) {
	name = strings.TrimPrefix(name, "proxy:")
	kind, _, ok := strings.Cut(name, ":")
	if !ok || !slices.Contains(listable, kind) {
		return nil, fmt.Errorf("%s cannot be listed, only asked", name)
	}
	out, _, err := Tool(ctx, "postmap", p.args("-s", name)...)
	if err != nil {
		return nil, err
	}
	var all [][2]string
	for line := range strings.Lines(out) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t"); ok && len(all) < maxTable {
			all = append(all, [2]string{strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)})
		}
	}
	slices.SortFunc(all, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return all, nil
}

// Networks reads a list of networks as mynetworks is one: prefixes and addresses, IPv6 in brackets, files, and tables whose
// keys are addresses. What cannot be read comes back as sentences; an exclusion ("!") is one.
func (p Instance) Networks(ctx context.Context, list string) (all []netip.Prefix, unread []string) {
	items, seen := SplitList(list), map[netip.Prefix]bool{}
	for i := 0; i < len(items) && i < maxNetworks; i++ {
		item := items[i]
		if more, is, err := p.networkList(ctx, item); is {
			if items = append(items, more...); err != nil {
				unread = append(unread, err.Error())
			}
			continue
		}
		n, err := network(item)
		if err != nil {
			unread = append(unread, item+" is not an address or prefix; look at it yourself")
		} else if !seen[n] {
			seen[n], all = true, append(all, n)
		}
	}
	return all, unread
}

// networkList reads an item that stands for a list of its own, if it is one.
func (p Instance) networkList(ctx context.Context, item string) (more []string, is bool, err error) {
	if strings.HasPrefix(item, "/") {
		more, err = ListFile(item)
		return more, true, err
	}
	kind, _, _ := strings.Cut(strings.TrimPrefix(item, "proxy:"), ":")
	if !slices.Contains(listable, kind) {
		return nil, false, nil
	}
	entries, err := p.Table(ctx, item)
	for _, e := range entries {
		more = append(more, e[0])
	}
	if err != nil {
		err = fmt.Errorf("%s cannot be read (%w)", item, err)
	}
	return more, true, err
}

// network reads an address or a prefix; one of IPv4 written as IPv6 is what it means.
func network(item string) (netip.Prefix, error) {
	plain := strings.NewReplacer("[", "", "]", "").Replace(item)
	if addr, err := netip.ParseAddr(plain); err == nil {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	n, err := netip.ParsePrefix(plain)
	if err == nil && n.Addr().Is4In6() && n.Bits() >= 96 {
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n.Masked(), err
}
