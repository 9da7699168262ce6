package check

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"postward/internal/dns"
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
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	return strings.Join(words, ", ")
}

// address looks at one address and returns it with its name.
func (r *run) address(ctx context.Context, a netip.Addr) string {
	if local(a) {
		r.find("address.private", a.String(), a.String()+" is no address of the internet", nil)
		return ""
	}
	ptr := r.Resolver.PTR(ctx, a)
	switch {
	case r.unanswered("address", a.String(), &ptr, "PTR"):
		return ""
	case ptr.Outcome != dns.Answered:
		r.find("address.no-ptr", a.String(), "PTR: "+ptr.Outcome.String(), &Mend{
			Do: "Let the provider of the address give it the host's name; usually there is a page for it.", Add: []Record{r.reverse(a, r.mailName())}})
		return ""
	}
	if len(ptr.Names) > 1 {
		r.find("address.several-ptr", a.String(), strings.Join(ptr.Names, ", "), &Mend{
			Do: "Leave one name.", Remove: r.reverses(a, ptr.Names[1:])})
	}
	name := ptr.Names[0]
	if !r.confirmed(ctx, a, name) {
		return ""
	}
	if generic(name, a) {
		r.find("address.generic", a.String(), name, &Mend{Do: "Let the provider of the address give it the host's own name.",
			Remove: r.reverses(a, ptr.Names), Add: []Record{r.reverse(a, r.mailName())}})
	}
	return fmt.Sprintf("%s is %s", a, dns.Show(name))
}

// confirmed looks whether the name has the address.
func (r *run) confirmed(ctx context.Context, a netip.Addr, name string) bool {
	back := r.Resolver.Addresses(ctx, name)
	if r.unanswered("address", name, &back, "A and AAAA") {
		return false
	}
	if slices.Contains(back.Addrs, a) {
		return true
	}
	saw := fmt.Sprintf("%s is called %s, which has no address", a, name)
	if len(back.Addrs) > 0 {
		saw = fmt.Sprintf("%s is called %s, and that is %s", a, name, join(back.Addrs))
	}
	r.find("address.unconfirmed", a.String(), saw, &Mend{Do: "Publish the address under that name.", Add: []Record{{fqdn(name), recordType(a), a.String()}}})
	return false
}

// helo looks at the name that is said in HELO.
func (r *run) helo(ctx context.Context) {
	name := strings.ToLower(strings.TrimSuffix(r.HELO, "."))
	if name == "" {
		return
	}
	say := &Mend{Do: "Let Postfix say the host's name, one that DNS knows.", Set: setName("smtp_helo_name", r.mailName())}
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

// mailName is the name that the host should have, for mends.
func (r *run) mailName() string {
	for _, h := range r.hosts() {
		return h.name
	}
	if r.Domain != "" {
		return "mail." + r.Domain
	}
	return "mail.example.org"
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

// genericWords are what providers put into the names of addresses that are not servers.
var genericWords = regexp.MustCompile(`(^|[.-])(dyn|dynamic|dsl|adsl|vdsl|cable|dhcp|dialup|dial|pool|pppoe?|client|customers?|cust|broadband|wireless|mobile|nat|static|unassigned|host)[0-9]*[.-]`)

// generic reports whether a name is one that a provider made from the address: it holds three of its octets, all four in
// hexadecimal, or one beside a word for lines of that sort.
func generic(name string, a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	o := a.As4()
	numbers := digits.FindAllString(name, -1)
	held := 0
	for i := range o {
		if slices.ContainsFunc(numbers, func(n string) bool { v, err := strconv.Atoi(n); return err == nil && v == int(o[i]) }) {
			held++
		}
	}
	hex := strings.Contains(name, fmt.Sprintf("%02x%02x%02x%02x", o[0], o[1], o[2], o[3]))
	return held >= 3 || hex || held >= 1 && genericWords.MatchString(name)
}

var digits = regexp.MustCompile(`[0-9]+`)
