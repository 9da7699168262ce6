package mailauth

import (
	"slices"
	"strings"

	"postward/internal/mail/canon"
)

// Sign is what says that somebody may have handed a mail on. Each can be feigned: it keeps a mail from being rejected, and vouches
// for nothing. The set is closed.
type Sign string

// The signs.
const (
	Relayed   Sign = "relayed"   // a Received field (RFC 5321 section 4.4): another server had it before
	List      Sign = "list"      // List-Id and its kin (RFC 2919, RFC 2369), Precedence: list
	Resent    Sign = "resent"    // Resent-From and its kin (RFC 5322 section 3.6.6)
	Forwarded Sign = "forwarded" // Delivered-To, X-Forwarded-To and their kin
	Sealed    Sign = "sealed"    // a field of ARC, whether it holds or not
	Signed    Sign = "signed"    // a signature of the author's domain, which did not help: the mail may have been changed since
)

// names are the beginnings of the names of fields that are a sign.
var names = []struct {
	name string
	sign Sign
}{
	{"received", Relayed}, {"list-", List}, {"mailing-list", List}, {"x-mailing-list", List}, {"x-beenthere", List},
	{"x-mailman-", List}, {"resent-", Resent}, {"delivered-to", Forwarded}, {"x-forwarded-", Forwarded},
	{"x-original-to", Forwarded}, {"x-original-from", List}, {"x-loop", Forwarded}, {"x-autoforward", Forwarded},
	{"arc-", Sealed},
}

// signs are those of a mail, each once, in the order of the constants.
func (m *Mail) signs(r *Result) (all []Sign) {
	has := map[Sign]bool{}
	for _, f := range m.header {
		if sign := signOf(f); sign != "" {
			has[sign] = true
		}
	}
	for _, s := range r.DKIM {
		for _, author := range r.Authors {
			has[Signed] = has[Signed] || akin(s.Domain, author)
		}
	}
	for _, sign := range []Sign{Relayed, List, Resent, Forwarded, Sealed, Signed} {
		if has[sign] {
			all = append(all, sign)
		}
	}
	return all
}

// signOf is the sign that a field is; empty: none. Received-SPF is what somebody found out, and no trace.
func signOf(f canon.Field) Sign {
	name := strings.ToLower(strings.TrimSpace(f.Name))
	if name == "precedence" {
		if value := strings.ToLower(strings.TrimSpace(f.Value)); value == "list" {
			return List
		}
		return ""
	}
	i := slices.IndexFunc(names, func(n struct {
		name string
		sign Sign
	}) bool {
		return name == n.name || strings.HasSuffix(n.name, "-") && strings.HasPrefix(name, n.name)
	})
	if i < 0 {
		return ""
	}
	return names[i].sign
}

// akin reports whether a domain is another or stands above or below it.
func akin(one, other string) bool {
	return one == other || strings.HasSuffix(one, "."+other) || strings.HasSuffix(other, "."+one)
}
