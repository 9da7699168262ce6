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
		if sign := signOf(f); sign != "" && !m.received(f) {
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

// received reports whether a field is the one that Postfix itself added when it took the mail: it has this mail's queue ID, which no
// other server knows before the mail is here. It is at the top, but for what a table or a policy service prepends.
func (m *Mail) received(f canon.Field) bool {
	if m.queueID == "" || !f.Is("Received") {
		return false
	}
	words := strings.Fields(f.Value)
	by, id := behind(words, "by"), strings.TrimSuffix(behind(words, "id"), ";")
	if m.checker.Service == nil {
		return id == m.queueID
	}
	return id == m.queueID && akin(strings.TrimSuffix(strings.ToLower(by), "."), m.checker.Service.ID())
}

// behind is the word after the last one of a kind.
func behind(words []string, clause string) string {
	for i := len(words) - 2; i >= 0; i-- {
		if strings.EqualFold(words[i], clause) {
			return words[i+1]
		}
	}
	return ""
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
