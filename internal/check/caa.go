package check

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"postward/internal/dns"
)

// authorities looks at who may make certificates for the domain: the CAA records (RFC 8659) of its name, or of the nearest
// one above that has some.
func (r *run) authorities(ctx context.Context) string {
	if r.Domain == "" {
		return ""
	}
	for name := r.Domain; strings.Contains(name, "."); _, name, _ = strings.Cut(name, ".") {
		a := r.Resolver.Lookup(ctx, name, dns.CAA)
		if r.unanswered("caa", name, &a, "CAA of "+name) {
			return ""
		}
		if a.Outcome == dns.Answered {
			return r.issuers(name, a.Others)
		}
	}
	return ""
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
