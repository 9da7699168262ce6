package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postward/internal/guard"
	"postward/internal/mail/message"
	"postward/internal/run/ctl"
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
			return &ctl.Problem{What: fmt.Sprintf("%q is not an address: %v", a, err), Hint: "name@domain, *@domain, name+*@domain or *"}
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
	if local := strings.TrimSuffix(a, "@"+message.DomainOf(a)); a != "*" && (local == a || strings.Count(local, "*") > 1) {
		return "", errors.New("it is neither an address nor one with a single * before the @")
	}
	return a, nil
}

// canonical brings what was learned of an account into the form in which names and addresses are compared: who wrote it
// down may have been an older postward.
func canonical(e *guard.Event) {
	e.Account = message.Account(e.Account)
	if e.Listing == nil {
		return
	}
	for i, a := range e.Listing.Addresses {
		e.Listing.Addresses[i] = message.Canonical(a)
	}
}

// rewriteListings brings the addresses of the list into the form in which they are compared today. An older postward left
// U-labels and some quotes as they were: such an account would be refused with its own address.
func (d *Daemon) rewriteListings(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(d.state.Accounts())) {
		a := d.state.Account(name)
		for kind, l := range map[guard.Kind]*guard.Listing{guard.KindAllowed: a.Listing, guard.KindLearned: a.Learned} {
			if l == nil || l.Denied {
				continue
			}
			e := &guard.Event{Kind: kind, At: now(), Account: name, Listing: new(guard.Listing)}
			*e.Listing = *l
			e.Listing.Addresses = slices.Clone(l.Addresses)
			if canonical(e); e.Account == name && slices.Equal(e.Listing.Addresses, l.Addresses) {
				continue
			}
			e.Key = fmt.Sprintf("canonical:%s:%s:%d", kind, name, d.started)
			if err := d.recordAndWait(ctx, e); err != nil {
				return fmt.Errorf("rewrite the addresses of %s: %w", name, err)
			}
		}
	}
	return nil
}
