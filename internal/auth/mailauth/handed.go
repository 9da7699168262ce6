package mailauth

import (
	"slices"
	"strings"

	"postward/internal/domain/dmarc"
	"postward/internal/domain/spf"
	"postward/internal/mail/dkim"
	"postward/internal/mail/message"
)

// Handed is somebody who is proved to have handed a mail on that others wrote.
type Handed struct {
	Domain string // of a signature, of the reverse-path, of HELO, or of the newest seal
	// Vouches: he sealed the mail last, and says that it had passed for its authors. As a trusted sealer he would let it through.
	Vouches bool
}

// toldBy are the beginnings of the names of fields that who hands mail on adds, and who sends it for its author does not: newsletters
// have List-Id and List-Unsubscribe too, and every mail that went through a server has Received.
var toldBy = []string{"list-post", "mailing-list", "x-mailing-list", "x-beenthere", "x-mailman-", "resent-", "delivered-to", "x-forwarded-",
	"x-original-to", "x-original-from", "x-loop", "x-autoforward"}

// handed are those who handed a mail on. It is for people to look at, and decides nothing.
func (m *Mail) handed(r *Result) (all []Handed) {
	seal := r.newestSeal()
	if r.doubtful() || seal == "" && !m.told() {
		return nil
	}
	for _, domain := range r.shown() {
		if domain != seal {
			all = append(all, Handed{Domain: domain})
		}
	}
	if seal != "" {
		authors := r.missing(m)
		if len(authors) == 0 {
			authors = r.Authors
		}
		all = append(all, Handed{seal, r.sealer(func(domain string) bool { return domain == seal }, authors) != ""})
	}
	return slices.DeleteFunc(all, func(h Handed) bool { return r.writes(h.Domain) })
}

// shown are the domains by which the client proved who it is: a name of a machine only where there is no better one.
func (r *Result) shown() (all []string) {
	add := func(domain string) {
		if !slices.Contains(all, domain) && !r.writes(domain) {
			all = append(all, domain)
		}
	}
	if r.MailFrom.Result == spf.Pass && !r.NullPath {
		add(r.MailFrom.Domain)
	}
	for _, s := range r.DKIM {
		if s.Status == dkim.Pass {
			add(s.Domain)
		}
	}
	if len(all) == 0 && r.HELO.Result == spf.Pass {
		add(r.HELO.Domain)
	}
	return all
}

// writes reports whether a domain is an author's, or above or below one.
func (r *Result) writes(domain string) bool {
	return slices.ContainsFunc(r.Authors, func(author string) bool { return akin(domain, author) })
}

func (r *Result) newestSeal() string {
	if len(r.ARC.Seals) == 0 {
		return ""
	}
	return r.ARC.Seals[0].Domain
}

// told reports whether a mail says that it was handed on, by a field or by a reverse-path that SRS made.
func (m *Mail) told() bool {
	if local := strings.ToLower(m.session.MailFrom); len(local) > 5 && (local[:4] == "srs0" || local[:4] == "srs1") && strings.ContainsRune("=+-", rune(local[4])) {
		return true
	}
	for _, f := range m.header {
		name := strings.ToLower(strings.TrimSpace(f.Name))
		if slices.ContainsFunc(toldBy, func(begin string) bool { return strings.HasPrefix(name, begin) }) {
			return true
		}
	}
	return false
}

// survived reports whether every author's own signature shows that he wrote the mail, though its client sends for none of them.
func (r *Result) survived() bool {
	if r.DMARC.Result != dmarc.Pass || r.Reading != message.Agreed {
		return false
	}
	for _, a := range r.DMARC.Authors {
		if a.SPF.Is == dmarc.Identical || a.SPF.Is == dmarc.SameOrganization {
			return false
		}
	}
	return true
}
