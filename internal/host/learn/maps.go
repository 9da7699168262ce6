package learn

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"postward/internal/guard"
	"postward/internal/host/postfix"
	"postward/internal/mail/message"
)

const (
	maxTable = 200_000 // entries read of one lookup table
	maxUsers = 5_000   // local users
)

// listable are the lookup tables whose entries `postmap -s` can list. Others are asked key by key only.
var listable = []string{"hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash", "inline"}

// table lists a lookup table ("hash:/etc/postfix/virtual"), or says why not.
func table(ctx context.Context, dir, name string) ([][2]string, error) {
	name = strings.TrimPrefix(name, "proxy:")
	kind, _, ok := strings.Cut(name, ":")
	if !ok || !slices.Contains(listable, kind) {
		return nil, fmt.Errorf("%s cannot be listed, only asked", name)
	}
	out, _, err := postfix.Tool(ctx, "postmap", "-c", dir, "-s", name)
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

// senderMap reads "address → logins" (postconf(5), smtpd_sender_login_maps).
func (l *Learned) senderMap(ctx context.Context, dir, name string) {
	entries, err := table(ctx, dir, name)
	if err != nil {
		l.note("smtpd_sender_login_maps: %v", err)
		return
	}
	for _, e := range entries {
		for _, login := range postfix.SplitList(e[1]) {
			for _, address := range l.addresses(e[0]) {
				l.row(message.Account(login), address).Map = true
			}
		}
	}
}

// addresses makes patterns of a map's key: "a@b", "@b" for a whole domain, "a" for a at our own domains.
func (l *Learned) addresses(key string) []string {
	if strings.HasPrefix(key, "@") {
		return []string{"*" + key}
	}
	if strings.Contains(key, "@") {
		return []string{key}
	}
	return l.atHome(key)
}

func (l *Learned) atHome(name string) []string {
	var all []string
	for _, d := range l.Domains[:min(len(l.Domains), 16)] {
		all = append(all, name+"@"+d)
	}
	return all
}

// domains reads mydestination and the virtual domains.
func (l *Learned) domains(ctx context.Context, p *Site) {
	for _, d := range l.domainList(ctx, p, "mydestination") {
		l.ours[d] = true
		if d != "localhost" && !strings.HasPrefix(d, "localhost.") && !strings.HasPrefix(d, "[") {
			l.Domains = append(l.Domains, d)
		}
	}
	for _, name := range []string{"virtual_mailbox_domains", "virtual_alias_domains"} {
		for _, d := range l.domainList(ctx, p, name) {
			l.ours[d] = true
		}
	}
}

func (l *Learned) domainList(ctx context.Context, p *Site, name string) []string {
	var all []string
	for _, item := range postfix.SplitList(p.values[name]) {
		switch {
		case strings.HasPrefix(item, "!"):
			l.note("%s: the exclusion %s is not understood here", name, item)
		case strings.HasPrefix(item, "/"):
			all = append(all, l.fileWords(name, item)...)
		case strings.Contains(item, ":") && !strings.HasPrefix(item, "["):
			entries, err := table(ctx, p.ConfigDir, item)
			if err != nil {
				l.note("%s: %v", name, err)
			}
			for _, e := range entries {
				all = append(all, e[0])
			}
		default:
			all = append(all, item)
		}
	}
	all = slices.DeleteFunc(all, func(d string) bool { return d == "" || strings.ContainsAny(d, "@ ") })
	for i := range all {
		if d, err := message.Domain(all[i]); err == nil {
			all[i] = d
		} else {
			all[i] = strings.ToLower(all[i])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fileWords reads a list kept in a file of its own (postconf(5), "/file/name" in a list).
func (l *Learned) fileWords(name, path string) []string {
	all, err := postfix.ListFile(path)
	if err != nil {
		l.note("%s: %v", name, err)
	}
	return all
}

// networks reads mynetworks: prefixes and addresses, IPv6 in brackets.
func (l *Learned) networks(p *Site) {
	items := postfix.SplitList(p.values["mynetworks"])
	for i := 0; i < len(items) && len(items) < 10_000; i++ {
		item := items[i]
		if strings.HasPrefix(item, "/") {
			items = append(items, l.fileWords("mynetworks", item)...)
			continue
		}
		plain := strings.NewReplacer("[", "", "]", "").Replace(item)
		prefix, err := netip.ParsePrefix(plain)
		if addr, err2 := netip.ParseAddr(plain); err != nil && err2 == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			l.note("mynetworks: %s is not an address or prefix; look at it yourself", item)
			continue
		}
		if prefix = prefix.Masked(); !slices.Contains(l.Networks, prefix) {
			l.Networks = append(l.Networks, prefix)
		}
	}
}

func (l *Learned) isOwn(addr netip.Addr) bool {
	addr = addr.Unmap()
	return slices.ContainsFunc(l.Networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// users reads the local users: people (uid 1000 and up) with a shell or a mailbox. It returns all names by uid.
func (l *Learned) users(o Options) map[int64]string {
	names := map[int64]string{}
	if o.Passwd == "" {
		return names
	}
	f, err := os.Open(o.Passwd)
	if err != nil {
		l.note("local users: %v", err)
		return names
	}
	defer f.Close()
	people := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		p := strings.Split(lines.Text(), ":")
		if len(p) < 7 || p[0] == "" || len(p[0]) > guard.MaxText {
			continue
		}
		uid, err := strconv.ParseInt(p[2], 10, 64)
		if err != nil {
			continue
		}
		if _, twice := names[uid]; !twice {
			names[uid] = p[0]
		}
		if uid >= 1000 && uid < 65534 && people < maxUsers && person(p[0], p[6], o.Spool) {
			people++
			l.user(p[0])
		}
	}
	return names
}

func (l *Learned) user(name string) {
	account := message.Account(name)
	addresses := l.atHome(name)
	for _, a := range addresses {
		l.row(account, a).User = true
	}
	if len(addresses) == 0 {
		l.row(account, "").User = true
	}
}

// person reports whether a user can log in or gets mail.
func person(name, shell, spool string) bool {
	switch filepath.Base(shell) {
	case "nologin", "false", "sync", "true":
	default:
		return true
	}
	if spool == "" || strings.Contains(name, "/") {
		return false
	}
	_, err := os.Stat(filepath.Join(spool, name))
	return err == nil
}
