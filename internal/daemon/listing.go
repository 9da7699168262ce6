package daemon

import (
	"fmt"
	"strings"
	"unicode"

	"postward/internal/ctl"
	"postward/internal/guard"
	"postward/internal/message"
)

// checkListing refuses what an operator cannot mean, and brings addresses into the form in which they are compared.
func checkListing(l *guard.Listing) error {
	if l == nil {
		return nil
	}
	switch l.Class {
	case "", guard.Person, guard.Newsletter, guard.Application:
	default:
		return &ctl.Problem{What: fmt.Sprintf("%q is not a class", l.Class), Hint: "person, newsletter or application"}
	}
	if l.Budget < 0 || l.Budget > 1_000_000 {
		return &ctl.Problem{What: fmt.Sprintf("a budget of %d recipients a day", l.Budget), Hint: "a number from 0 to 1000000"}
	}
	for i, a := range l.Addresses {
		l.Addresses[i] = message.Canonical(a)
		if !isPattern(l.Addresses[i]) {
			return &ctl.Problem{What: fmt.Sprintf("%q is not an address", a), Hint: "name@domain, *@domain or *"}
		}
	}
	return nil
}

// isPattern reports whether the guard can find an address by this: any other would match no mail, and nobody be told.
func isPattern(a string) bool {
	if a == "*" {
		return true
	}
	at := strings.LastIndexByte(a, '@')
	return at > 0 && (a[:at] == "*" || isLocalPart(a[:at])) && isDomain(a[at+1:])
}

// isLocalPart is wider than RFC 5321: two dots in a row are not allowed, and used.
func isLocalPart(s string) bool {
	if len(s) > 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return true
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"(),:;<>@[\]*`, r) })
}

func isDomain(s string) bool {
	if strings.HasPrefix(s, "[") {
		return len(s) > 2 && strings.HasSuffix(s, "]")
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
}
