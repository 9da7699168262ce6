package check

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"postward/internal/wire/dns"
)

// hostName reports whether a name is one of a host (RFC 1123 section 2.1): labels of letters, digits and hyphens. The DNS
// carries any octet in a name, and a name may come from a stranger: what is no host's name is put into no command.
func hostName(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// setName are the commands that make a host's name the value of a setting of Postfix; none when it is no such name.
func setName(setting, name string, more ...string) []string {
	name = strings.TrimSuffix(name, ".")
	if !hostName(name) {
		return nil
	}
	commands := append([]string{"postconf -e '" + setting + " = " + name + "'"}, more...)
	return append(commands, "postfix reload")
}

// naming is how an address gets its host's name. The record is there only when its name leads to the address, or can be made to
// in the domain's own zone: any other name would be a stranger's, and never be confirmed.
func (r *run) naming(ctx context.Context, a netip.Addr) *Mend {
	const provider = "Let the provider of the address give it the host's name; usually there is a page for it."
	if name := r.hostOf(ctx, a); name != "" {
		do := provider
		if len(r.Addrs) == 0 && !r.within(name) {
			do = "If " + dns.Show(name) + " is yours: " + strings.ToLower(provider[:1]) + provider[1:] + " If not, tell whoever runs it."
		}
		return &Mend{Do: do, Add: []Record{r.reverse(a, name)}}
	}
	if name := "mail." + r.Domain; r.Domain != "" && r.free(ctx, name) {
		return &Mend{Do: "Publish a name for the host. Then let the provider of the address give it that name; usually there is a page for it.",
			Add: []Record{{fqdn(name), recordType(a), a.String()}, r.reverse(a, name)}}
	}
	return &Mend{Do: provider + " The name must have this address itself."}
}

// hostOf is the name of the host with an address: an exchanger's, or what is said in HELO; empty when neither has it.
func (r *run) hostOf(ctx context.Context, a netip.Addr) string {
	for _, h := range r.hosts() {
		if contains(h.addrs.Addrs, a) && hostName(h.name) && !generic(h.name, a) {
			return h.name
		}
	}
	name := strings.ToLower(strings.TrimSuffix(r.HELO, "."))
	if strings.Contains(name, ".") && hostName(name) && !generic(name, a) && contains(r.Resolver.Addresses(ctx, name).Addrs, a) {
		return name
	}
	return ""
}

// free reports whether nothing has a name yet.
func (r *run) free(ctx context.Context, name string) bool {
	a := r.Resolver.Addresses(ctx, name)
	return a.Outcome == dns.NoName || a.Outcome == dns.NoData
}

// senderName is the name that a sender has by its address and its PTR record or an MX record; empty when none has one.
func (r *run) senderName(ctx context.Context) string {
	senders := slices.DeleteFunc(slices.Clone(r.senders()), local)
	for _, a := range senders {
		if name := r.hostOf(ctx, a); name != "" {
			return name
		}
	}
	for _, a := range senders {
		ptr := r.Resolver.PTR(ctx, a)
		if len(ptr.Names) == 0 {
			continue
		}
		if name, is, _ := r.confirmed(ctx, a, ptr.Names[:min(len(ptr.Names), maxNames)]); is && hostName(name) {
			return name
		}
	}
	return ""
}

// Words that providers put into the names of lines and pools; servers are called so too by the second sort.
var (
	lineWords = regexp.MustCompile(`(^|[.-])(dyn|dynamic|dynip|a?dsl|[vx]dsl|cable|dhcp|dialup|dial|dialin|pool|pppoe?|broadband|ftth|unassigned)[0-9]*([.-]|$)`)
	hostWords = regexp.MustCompile(`(^|[.-])(static|host|client|customers?|cust|wireless|mobile|nat|ip|rev|unused)[0-9]*([.-]|$)`)
	digits    = regexp.MustCompile(`[0-9]+`)
)

// generic reports whether a name is one that a provider made from the address: most of the address is in it, as numbers in
// its order or backwards, or whole in hexadecimal; or less of it, beside a word for such lines. A lone small number
// says nothing: many a host is called mail2.
func generic(name string, a netip.Addr) bool {
	a = a.Unmap()
	if !a.Is4() {
		return false
	}
	o := a.As4()
	name = strings.ToLower(name)
	for _, form := range []string{"%02x%02x%02x%02x", "%02x-%02x-%02x-%02x", "%02x.%02x.%02x.%02x", "%03d%03d%03d%03d"} {
		if strings.Contains(name, fmt.Sprintf(form, o[0], o[1], o[2], o[3])) {
			return true
		}
	}
	numbers := digits.FindAllString(name, -1)
	held := max(inOrder(numbers, o[:]), inOrder(numbers, []byte{o[3], o[2], o[1], o[0]}))
	line := lineWords.MatchString(name)
	return held >= 3 || held == 2 && (line || hostWords.MatchString(name)) || line && slices.ContainsFunc(numbers, func(n string) bool {
		return len(strings.TrimLeft(n, "0")) > 1 && slices.ContainsFunc(o[:], func(octet byte) bool { return same(n, octet) })
	})
}

// inOrder is the most octets that follow each other in the numbers as they do in the address.
func inOrder(numbers []string, octets []byte) (most int) {
	for i := range numbers {
		for j := range octets {
			n := 0
			for i+n < len(numbers) && j+n < len(octets) && same(numbers[i+n], octets[j+n]) {
				n++
			}
			most = max(most, n)
		}
	}
	return most
}

func same(number string, octet byte) bool {
	n, err := strconv.Atoi(number)
	return err == nil && n == int(octet)
}
