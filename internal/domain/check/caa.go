package check

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"postward/internal/wire/dns"
)

// authorities looks at who may make certificates for the domain and for its exchangers below it: the CAA records (RFC 8659) of
// each name, or of the nearest one above that has some. Each set is told of once.
func (r *run) authorities(ctx context.Context) string {
	if r.Domain == "" {
		return ""
	}
	names := r.certified()
	sets := make([]authoritySet, len(names))
	var asked sync.WaitGroup
	for i, name := range names {
		asked.Go(func() { sets[i] = r.nearest(ctx, name) })
	}
	asked.Wait()
	var fine []string
	told := map[string]bool{}
	for _, s := range sets {
		if s.at == "" || told[s.at] || !s.answer.Outcome.Known() && r.silent(s.at) {
			continue
		}
		told[s.at] = true
		if !r.unanswered("caa", s.at, &s.answer, "CAA of "+s.at) {
			fine = append(fine, s.at+": "+r.issuers(s.at, s.answer.Others))
		}
	}
	return strings.Join(fine, "; ")
}

// silent reports whether an exchanger's addresses were not answered for either: that is said by another topic.
func (r *run) silent(name string) bool {
	return slices.ContainsFunc(r.hosts(), func(h host) bool { return strings.TrimSuffix(h.name, ".") == name && !h.addrs.Outcome.Known() })
}

// certified are the names that the domain wants certificates for: its own, and those of its exchangers that are its own.
func (r *run) certified() []string {
	names := []string{r.Domain}
	mx := r.mx()
	for _, x := range mx.Exchangers {
		host := strings.TrimSuffix(x.Host, ".")
		if strings.HasSuffix(host, "."+r.Domain) && !slices.Contains(names, host) && len(names) <= MaxHosts {
			names = append(names, host)
		}
	}
	return names
}

// authoritySet is a set of CAA records, or a name that did not answer; at is empty when there is neither.
type authoritySet struct {
	at     string
	answer dns.Answer
}

// nearest climbs from a name to the CAA records that hold for it; from an exchanger not as far as the domain, which is
// looked at by itself.
func (r *run) nearest(ctx context.Context, of string) authoritySet {
	for name := of; strings.Contains(name, ".") && (name != r.Domain || of == r.Domain); _, name, _ = strings.Cut(name, ".") {
		if a := r.Resolver.Lookup(ctx, name, dns.CAA); a.Outcome == dns.Answered || !a.Outcome.Known() {
			return authoritySet{name, a}
		}
	}
	return authoritySet{}
}

// issuers looks at a set of CAA records: flags, tag, "value".
func (r *run) issuers(name string, texts []string) string {
	var may []string
	nobody := false
	for _, text := range texts {
		flags, rest, _ := strings.Cut(text, " ")
		tag, value, ok := strings.Cut(rest, " ")
		n, err := strconv.ParseUint(flags, 10, 8)
		value = strings.Trim(value, `"`)
		known := slices.Contains([]string{"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"}, strings.ToLower(tag))
		switch issuer, _, _ := strings.Cut(value, ";"); {
		case err != nil || !ok || tag == "", !known && n&128 != 0:
			r.find("caa.critical", name, text, &Mend{Do: "Take it out: an authority that does not know the tag must not make a certificate.",
				Remove: []Record{{Name: fqdn(name), Type: "CAA", Value: text}}})
		case strings.EqualFold(tag, "issue") && strings.TrimSpace(issuer) == "":
			nobody = true
		case strings.EqualFold(tag, "issue"):
			may = append(may, strings.TrimSpace(issuer))
		}
	}
	if nobody && len(may) == 0 {
		r.find("caa.nobody", name, strings.Join(texts, " | "), nil)
	}
	if len(may) == 0 {
		return "certificates by anybody"
	}
	return "certificates by " + strings.Join(may, ", ")
}

// logo looks at the BIMI record, which shows a logo beside mail in some mailboxes; it wants a DMARC policy that is enforced.
func (r *run) logo(ctx context.Context) string {
	if r.Domain == "" {
		return ""
	}
	at := "default._bimi." + r.Domain
	a := r.Resolver.TXT(ctx, at)
	if r.unanswered("bimi", at, &a, "TXT of "+at) {
		return ""
	}
	texts := slices.DeleteFunc(slices.Clone(a.Texts), func(text string) bool { return !strings.HasPrefix(text, "v=BIMI1") })
	if len(texts) == 0 {
		return ""
	}
	where := ""
	for part := range strings.SplitSeq(texts[0], ";") {
		if name, value, _ := strings.Cut(part, "="); strings.TrimSpace(name) == "l" {
			where = strings.TrimSpace(value)
		}
	}
	if len(texts) > 1 || where != "" && (!strings.HasPrefix(where, "https://") || !strings.HasSuffix(strings.ToLower(where), ".svg")) {
		r.find("bimi.broken", at, strings.Join(texts, " | "), nil)
	}
	if !r.enforced() {
		r.find("bimi.dmarc", at, "receivers go by neither quarantine nor reject", nil)
	}
	return texts[0]
}
