package daemon

import (
	"errors"
	"fmt"
	"strings"

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
		pattern, err := readPattern(a)
		if err != nil {
			return &ctl.Problem{What: fmt.Sprintf("%q is not an address: %v", a, err), Hint: "name@domain, *@domain or *"}
		}
		l.Addresses[i] = pattern
	}
	return nil
}

// readPattern brings a pattern into the form in which the guard compares it with addresses: any other would match no mail,
// and nobody be told.
func readPattern(s string) (string, error) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "<") {
		s = "<" + s + ">"
	}
	a, err := message.Path(s)
	if err != nil {
		return "", err
	}
	if local := strings.TrimSuffix(a, "@"+message.DomainOf(a)); a != "*" && (local == a || local != "*" && strings.Contains(local, "*")) {
		return "", errors.New("it is neither a whole address nor a whole domain")
	}
	return a, nil
}
