package learn

import (
	"bufio"
	"context"
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

const maxUsers = 5_000 // local users

// senderMap reads "address → logins" (postconf(5), smtpd_sender_login_maps).
func (l *Learned) senderMap(ctx context.Context, dir, name string) {
	entries, err := postfix.Instance{ConfigDir: dir}.Table(ctx, name)
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
			entries, err := postfix.Instance{ConfigDir: p.ConfigDir}.Table(ctx, item)
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

// mailboxes reads whose mail is kept here, where a table can be listed: it says who is not the account that writes as him.
func (l *Learned) mailboxes(ctx context.Context, p *Site) {
	l.boxes = map[string]bool{}
	for _, name := range postfix.SplitList(p.values["virtual_mailbox_maps"]) {
		entries, err := postfix.Instance{ConfigDir: p.ConfigDir}.Table(ctx, name)
		if err != nil {
			l.note("virtual_mailbox_maps: %v", err)
		}
		for _, e := range entries {
			l.boxes[message.Canonical(e[0])] = true
		}
	}
}

// networks reads mynetworks.
func (l *Learned) networks(ctx context.Context, p *Site) {
	all, unread := postfix.Instance{ConfigDir: p.ConfigDir}.Networks(ctx, p.values["mynetworks"])
	l.Networks = append(l.Networks, all...)
	for _, why := range unread {
		l.note("mynetworks: %s", why)
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
	l.names = map[string]bool{}
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
		l.names[message.Account(p[0])] = true
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
