package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"postward/internal/wire/dns"
)

// addresses looks at the names of what sends the mail: PTR, the way back (RFC 8601 section 3: iprev), and HELO.
func (r *run) addresses(ctx context.Context) string {
	words := make([]string, len(r.senders()))
	var all sync.WaitGroup
	for i, a := range r.senders() {
		all.Go(func() { words[i] = r.address(ctx, a) })
	}
	all.Wait()
	r.helo(ctx)
	r.unseen()
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	return strings.Join(words, ", ")
}

// address looks at one address and returns it with its name.
func (r *run) address(ctx context.Context, a netip.Addr) string {
	if local(a) {
		saw := a.String() + " is no address of the internet"
		if a.IsLoopback() && r.ownAnswer() {
			saw = a.String() + " is this host itself, by its own resolver's answer: what the world sees is another; name the address that mail leaves from"
		}
		r.find("address.private", a.String(), saw, nil)
		return ""
	}
	ptr := r.Resolver.PTR(ctx, a)
	switch {
	case r.unanswered("address", a.String(), &ptr, "PTR"):
		return ""
	case ptr.Outcome != dns.Answered:
		r.find("address.no-ptr", a.String(), "PTR: "+ptr.Outcome.String(), r.naming(ctx, a))
		return ""
	}
	names := ptr.Names[:min(len(ptr.Names), maxNames)]
	name, confirmed, silent := r.confirmed(ctx, a, names)
	if len(ptr.Names) > 1 {
		others := slices.DeleteFunc(slices.Clone(ptr.Names), func(n string) bool { return n == name })
		r.find("address.several-ptr", a.String(), strings.Join(ptr.Names, ", "), &Mend{Do: "Leave one name.", Remove: r.reverses(a, others)})
	}
	switch {
	case silent != nil:
		r.unanswered("address", name, silent, "A and AAAA")
		return ""
	case !confirmed:
		r.unconfirmed(ctx, a, name)
		return ""
	case generic(name, a):
		mend := r.naming(ctx, a)
		if len(mend.Add) > 0 {
			mend.Remove = r.reverses(a, []string{name})
		}
		r.find("address.generic", a.String(), name, mend)
	}
	return fmt.Sprintf("%s is %s", a, dns.Show(name))
}

// maxNames bounds the names of an address that are looked at (RFC 7208 section 5.5 has the same).
const maxNames = 10

// confirmed is the name of an address that stands for it, and whether the name has the address. One name that has it is enough
// (RFC 8601 section 2.7.3), wherever it stands; one that the owner chose is better than a provider's. silent is an
// answer that did not come, when it could have been the one.
func (r *run) confirmed(ctx context.Context, a netip.Addr, names []string) (name string, is bool, silent *dns.Answer) {
	name = names[0]
	for _, n := range names {
		back := r.Resolver.Addresses(ctx, n)
		switch {
		case slices.Contains(back.Addrs, a):
			if !is || generic(name, a) {
				name, is = n, true
			}
		case !is && silent == nil && !back.Outcome.Known():
			name, silent = n, &back
		}
	}
	if is {
		silent = nil
	}
	return name, is, silent
}

// unconfirmed says that a name does not lead back to its address. Only a name of the domain's own can be given it.
func (r *run) unconfirmed(ctx context.Context, a netip.Addr, name string) {
	back := r.Resolver.Addresses(ctx, name)
	saw := fmt.Sprintf("%s is called %s, which has no address", a, name)
	if len(back.Addrs) > 0 {
		saw = fmt.Sprintf("%s is called %s, and that is %s", a, name, join(back.Addrs))
	}
	mend := &Mend{Do: "Publish the address under that name.", Add: []Record{{fqdn(name), recordType(a), a.String()}}}
	if !r.within(name) {
		if mend = r.naming(ctx, a); len(mend.Add) > 0 {
			mend.Remove = r.reverses(a, []string{name})
		}
	}
	r.find("address.unconfirmed", a.String(), saw, mend)
}

// helo looks at the name that is said in HELO.
func (r *run) helo(ctx context.Context) {
	name := strings.ToLower(strings.TrimSuffix(r.HELO, "."))
	if name == "" {
		return
	}
	say := &Mend{Do: "Let Postfix say the host's name, one that DNS knows (postconf smtp_helo_name).", Set: setName("smtp_helo_name", r.senderName(ctx))}
	if !strings.Contains(name, ".") || name == "localhost.localdomain" || strings.HasSuffix(name, ".local") || isAddress(name) {
		r.find("address.helo-syntax", name, "HELO "+name, say)
		return
	}
	at := r.Resolver.Addresses(ctx, name)
	if r.unanswered("address", name, &at, "A and AAAA") {
		return
	}
	if at.Outcome != dns.Answered {
		r.find("address.helo-unresolved", name, "HELO "+name+": "+at.Outcome.String(), &Mend{
			Do: "Publish the name's address, or let Postfix say a name that has one.", Set: say.Set})
		return
	}
	senders := slices.DeleteFunc(slices.Clone(r.senders()), local)
	if len(senders) > 0 && !slices.ContainsFunc(senders, func(a netip.Addr) bool { return slices.Contains(at.Addrs, a) }) {
		r.find("address.helo", name, fmt.Sprintf("HELO %s is %s, and mail is sent from %s", name, join(at.Addrs), join(senders)), say)
	}
}

// unseen says that it is not known what sends the domain's mail, unless it is clear that nothing does.
func (r *run) unseen() {
	mx, policy := r.mx(), r.spf
	switch {
	case r.Domain == "" || len(r.senders()) > 0 || !mx.Outcome.Known() || mx.Outcome == dns.NoName || !policy().Outcome.Known():
		return
	case slices.ContainsFunc(r.hosts(), func(h host) bool { return !h.addrs.Outcome.Known() }):
		return // it may be one that was silent
	case len(r.hosts()) == 0 && !letsPass(policy()):
		return // it takes no mail and lets nobody send
	}
	r.find("address.unseen", r.Domain, "its mail exchangers need not be what sends its mail, and the SPF policy does not name them: name the sending address beside the domain", nil)
}

func (r *run) reverse(a netip.Addr, name string) Record {
	return Record{dns.ReverseName(a), "PTR", fqdn(name)}
}

func (r *run) reverses(a netip.Addr, names []string) []Record {
	var all []Record
	for _, n := range names {
		all = append(all, r.reverse(a, n))
	}
	return all
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

func join(addrs []netip.Addr) string {
	var words []string
	for _, a := range addrs {
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}
