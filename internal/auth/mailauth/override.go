package mailauth

import (
	"slices"
	"strings"

	"postward/internal/domain/dmarc"
	"postward/internal/mail/authres"
	"postward/internal/mail/message"
)

// Override is why a failure has no consequence. RFC 9990 has words for them in reports.
type Override string

// The overrides.
const (
	BySealer    Override = "trusted sealer"   // local_policy of the reports, with a comment (RFC 8617 section 7.2.2)
	ByForwarder Override = "listed forwarder" // trusted_forwarder
	ByExemption Override = "exempt author"    // local_policy
)

// override looks for a reason to let a mail pass whose author is not proven, and which domain it is about. What readers take
// for the author must be sure.
func (m *Mail) override(r *Result) (Override, string) {
	if r.doubtful() {
		return "", ""
	}
	missing := r.missing(m)
	if by := r.sealer(m.checker.Trusted, missing); by != "" {
		return BySealer, by
	}
	for _, domain := range r.proven() {
		if m.is(m.checker.Forwarder, domain) {
			return ByForwarder, domain
		}
	}
	held := func(author string) bool { return !m.is(m.checker.Exempt, author) }
	if len(missing) > 0 && !slices.ContainsFunc(missing, held) {
		return ByExemption, missing[0]
	}
	return "", ""
}

// missing are the Author Domains that nothing vouches for.
func (r *Result) missing(m *Mail) (all []string) {
	for _, a := range r.DMARC.Authors {
		if a.Result != dmarc.Pass && (a.Policy.Strength() > 0 || m.is(m.checker.Ours, a.Domain)) {
			all = append(all, a.Domain)
		}
	}
	return all
}

// sealer is the first sealer on whose word the mail had passed for all of these authors: trusted, and nobody above it is not.
func (r *Result) sealer(trusted func(string) bool, authors []string) string {
	if trusted == nil || len(authors) == 0 {
		return ""
	}
	for _, seal := range r.ARC.Vouched(trusted) {
		if found, err := authres.Parse(seal.Results); err == nil && says(found, authors) {
			return seal.Domain
		}
	}
	return ""
}

// says reports whether a sealer found that a mail passed DMARC for each of some authors.
func says(found authres.Field, authors []string) bool {
	passed := map[string]bool{}
	for _, result := range found.Of("dmarc") {
		from, err := message.Domain(result.Property("header", "from"))
		if err == nil {
			_, before := passed[from]
			passed[from] = result.Value == string(dmarc.Pass) && (passed[from] || !before)
		}
	}
	for _, author := range authors {
		if !passed[strings.ToLower(author)] {
			return false
		}
	}
	return true
}
