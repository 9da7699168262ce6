package learn

import (
	"slices"
	"strings"
)

// minMade is how many different addresses of one form an account must have written as for the form to stand for them.
const minMade = 3

// formOf is the form of an address that a program made for one mail, as a pattern of guard's: a rewritten reverse-path (SRS), a
// signed one (BATV), one for each recipient (VERP, as Postfix, Mailman and ezmlm write it). Empty: it is made by nobody.
func formOf(address string) string {
	local, domain, _ := strings.Cut(address, "@")
	for _, srs := range []string{"srs0", "srs1"} {
		if rest, ok := strings.CutPrefix(local, srs); ok && len(rest) > 1 && strings.ContainsRune("=+-", rune(rest[0])) && strings.Count(rest, "=") >= 2 {
			return srs + rest[:1] + "*@" + domain
		}
	}
	if rest, ok := strings.CutPrefix(local, "prvs="); ok {
		if tag, of, ok := strings.Cut(rest, "="); ok && tag != "" && of != "" {
			return "prvs=*=" + of + "@" + domain
		}
	}
	if list, of, ok := strings.Cut(local, "+"); ok && list != "" && isRecipient(of) {
		return list + "+*@" + domain
	}
	if list, of, ok := strings.Cut(local, "-return-"); ok && list != "" && isRecipient(of) {
		return list + "-return-*@" + domain
	}
	return ""
}

// isRecipient reports whether a part of an address holds another one, with = in the place of @.
func isRecipient(s string) bool {
	name, domain, ok := strings.Cut(s, "=")
	return ok && name != "" && strings.Contains(strings.Trim(domain, "."), ".") && !strings.Contains(domain, "=")
}

// made notes one address of a row that is a form.
func (r *Row) made(address string) {
	if len(r.seen) < minMade && !slices.Contains(r.seen, address) {
		r.seen = append(r.seen, address)
	}
}

// unfold has a form that stands for too few be the address that was seen.
func (r *Row) unfold() {
	if len(r.seen) > 0 && len(r.seen) < minMade {
		r.Address = r.seen[0]
	}
}
