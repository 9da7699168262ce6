package investigate

import (
	"maps"
	"slices"
	"strings"

	"postward/internal/guard"
)

// copies finds the addresses to which Postfix copies every mail (always_bcc). No account named them, so they are no recipients of
// theirs, and what their server refuses is nobody's fault. The log does not tell them from others: but every mail of
// every account goes to them, and to somebody else besides.
type copies map[string]*copied

// copied is an address that every mail went to since it was first seen.
type copied struct {
	mails    int
	accounts []string // at most copyAccounts
}

const (
	copyMails     = 20 // that went to an address, one after the other, until it is taken for a copy
	copyAccounts  = 3  // that sent these
	maxCopies     = 64 // addresses that are thought of
	maxCandidates = 20 // recipients of a mail that are thought of
)

func (c *copied) sure() bool { return c.mails >= copyMails && len(c.accounts) >= copyAccounts }

// take notes the recipients of a mail of an account, and takes those away that are copies.
func (c copies) take(account string, t *guard.Transaction) {
	for name, x := range c {
		if !x.sure() && !slices.Contains(t.Recipients, name) {
			delete(c, name)
		}
	}
	if len(t.Recipients) < 2 {
		return // to the archive alone: that one is named
	}
	for _, name := range t.Recipients[:min(len(t.Recipients), maxCandidates)] {
		c.note(account, name)
	}
	t.Recipients = slices.DeleteFunc(t.Recipients, c.is)
}

func (c copies) note(account, name string) {
	x := c[name]
	if x == nil {
		if len(c) >= maxCopies {
			return
		}
		x = &copied{}
		c[name] = x
	}
	x.mails++
	if len(x.accounts) < copyAccounts && !slices.Contains(x.accounts, account) {
		x.accounts = append(x.accounts, account)
	}
}

// is reports whether an address is one of the site's own copies.
func (c copies) is(name string) bool { return c[name] != nil && c[name].sure() }

func (c copies) names() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if c.is(name) {
			all = append(all, name)
		}
	}
	return all
}

// CopiedTo says which addresses are not counted; empty: none.
func (r *Report) CopiedTo() string {
	if len(r.Copies) == 0 {
		return ""
	}
	return "every mail goes to " + strings.Join(r.Copies, ", ") + " as well: that is taken for this server's own copy (always_bcc), and counted for no account"
}
