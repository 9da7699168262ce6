package gate

import (
	"fmt"
	"strings"
	"unicode"

	"postward/internal/guard"
	"postward/internal/mail/message"
	"postward/internal/run/ctl"
)

// Named says whose account a name means that somebody logs in by, with or without a domain of the site's. known is false where there is
// none: then it is the name as it is counted, without the domain where the site has one alone, for with it and without is the same.
func Named(s *guard.State, name string) (account string, known bool) {
	local, domain, full := strings.Cut(name, "@")
	if account = accountOf(s, name, local, domain, full); account != "" {
		return account, true
	}
	if own := s.Policy().Domains; full && len(own) == 1 && domain == own[0] {
		return local, false
	}
	return name, false
}

// accountOf is the account of that name, or of its other form; empty: none is known.
func accountOf(s *guard.State, name, local, domain string, full bool) string {
	if name == "" || s.Account(name) != nil {
		return name
	}
	for _, own := range s.Policy().Domains {
		switch {
		case full && domain == own && s.Account(local) != nil:
			return local
		case !full && s.Account(name+"@"+own) != nil:
			return name + "@" + own
		}
	}
	return ""
}

// maxLoginName bounds the name of an account that nobody has heard of, in octets.
const maxLoginName = 256

// LoginName is the account that a name means, also one of which nothing is known: who only reads mail here has sent none. isNew says so.
func (g *Gate) LoginName(said string) (name string, isNew bool, err error) {
	name = message.Account(said)
	strange := func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }
	if name == "" || len(name) > maxLoginName || strings.ContainsFunc(name, strange) {
		return "", false, &ctl.Problem{What: fmt.Sprintf("%.40q is no name of an account", said), Hint: "the name that it logs in with; postward account list has those that sent mail"}
	}
	g.state(func(s *guard.State) {
		account, known := Named(s, name)
		if isNew = !known; known {
			name = account
		}
	})
	return name, isNew, nil
}
