package learn

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"postward/internal/guard"
	"postward/internal/mail/message"
)

// Limits of what is learned.
const (
	maxAccounts  = 20_000
	maxPerPerson = 256 // addresses gathered of one account
	maxListed    = 64  // addresses of one account that are proposed
	properDays   = 2   // days an address that is in no map must have been seen on to be proposed,
	properHours  = 20  // and hours between the first time and the last: an evening and the night after it are one time
)

// Options says where to look. The zero value looks nowhere but in Postfix's own maps.
type Options struct {
	Logs   []string  // files in the order written, oldest first; compressed ones are unpacked; see Site.Logs
	Passwd string    // "/etc/passwd"; empty: no local users
	Spool  string    // "/var/mail": who owns a mailbox there is a user; empty: not asked
	Now    time.Time // its location is that of stamps without a zone
	// Filtered: a content filter hands mail back over loopback, so that clients there are nobody's own.
	Filtered bool
	// Where says to which autonomous system and country an address belongs; nil: not known.
	Where func(netip.Addr) (asn uint32, country string)
}

// Row is one address that one account may use, or has used.
type Row struct {
	Account  string    `json:"account"`      // login, as message.Account has it; "local:USER"; "net:ADDRESS"
	Address  string    `json:"address"`      // canonical, exact or with one * (a whole domain, SRS, VERP, BATV); empty: the null reverse-path, or nothing known
	Map      bool      `json:"map"`          // stands in smtpd_sender_login_maps
	User     bool      `json:"user"`         // is a local user's own address
	Of       string    `json:"of,omitempty"` // the other account, user or mailbox whose address it is
	Messages int       `json:"messages"`
	Days     int       `json:"days"` // on which it was seen in the logs
	First    time.Time `json:"first,omitzero"`
	Last     time.Time `json:"last,omitzero"`
	Proposed bool      `json:"proposed"` // goes into what the operator is asked to allow

	seen []string // of a form: addresses of it, the first few
}

// Learned is who sends as whom. Nothing of it is in force: the operator is shown it and decides.
type Learned struct {
	Rows     []Row          `json:"rows"` // by account, most used first
	Networks []netip.Prefix `json:"networks"`
	Domains  []string       `json:"domains"` // of mydestination: a local user NAME is NAME@ these
	Notes    []string       `json:"notes"`   // what could not be read, and why
	NotRead  int            `json:"-"`       // logs that could not be read, or not to their end

	where    func(netip.Addr) (asn uint32, country string)
	ours     map[string]bool // Domains and the virtual ones
	boxes    map[string]bool // addresses of virtual mailboxes
	names    map[string]bool // of every local user
	pasts    map[string]*guard.Past
	accounts map[string]map[string]*Row
	dropped  int
}

// FromPostfix reads sender maps, local users and old logs. What it cannot read it says in Notes; an error means that
// ctx ended.
func FromPostfix(ctx context.Context, p *Site, o Options) (*Learned, error) {
	l := nothing(o)
	l.domains(ctx, p)
	l.networks(ctx, p)
	l.mailboxes(ctx, p)
	for _, m := range p.senderMaps {
		l.senderMap(ctx, p.ConfigDir, m)
	}
	return l.read(ctx, o, l.users(o))
}

// FromLogs reads old logs alone, oldest first. What it cannot read it says in Notes; an error means that ctx ended.
func FromLogs(ctx context.Context, o Options) (*Learned, error) {
	return nothing(o).read(ctx, o, nil)
}

// nothing is what is known before anything was read.
func nothing(o Options) *Learned {
	return &Learned{ours: map[string]bool{}, accounts: map[string]map[string]*Row{}, pasts: map[string]*guard.Past{}, where: o.Where}
}

// read reads the logs, and decides what is proposed.
func (l *Learned) read(ctx context.Context, o Options, users map[int64]string) (*Learned, error) {
	if err := l.logs(ctx, o, users); err != nil {
		return nil, err
	}
	l.finish()
	return l, nil
}

// row returns the row of an account's address, made if there is room.
func (l *Learned) row(account, address string) *Row {
	address = message.Canonical(address)
	addresses := l.accounts[account]
	if addresses == nil {
		if len(l.accounts) >= maxAccounts || account == "" || len(account) > guard.MaxText {
			l.dropped++
			return &Row{}
		}
		addresses = map[string]*Row{}
		l.accounts[account] = addresses
	}
	r := addresses[address]
	if r == nil {
		if len(addresses) >= maxPerPerson || len(address) > 2*guard.MaxText {
			l.dropped++
			return &Row{}
		}
		r = &Row{Account: account, Address: address}
		addresses[address] = r
	}
	return r
}

// sent counts one message. Addresses that a program makes for one mail each count as their form.
func (l *Learned) sent(account, address string, at time.Time) {
	address = message.Canonical(address)
	form := formOf(address)
	r := l.row(account, cmp.Or(form, address))
	if form != "" {
		r.made(address)
	}
	r.Messages++
	if r.Days == 0 || r.Last.Format(time.DateOnly) != at.Format(time.DateOnly) {
		r.Days++
	}
	if r.First.IsZero() || at.Before(r.First) {
		r.First = at
	}
	if at.After(r.Last) {
		r.Last = at
	}
}

// proper reports whether an address was used for long enough to be meant.
func (r *Row) proper() bool {
	return r.Days >= properDays && r.Last.Sub(r.First) >= properHours*time.Hour
}

// past adds a mail to its account's history.
func (l *Learned) past(m *oldMail, to []string, answers func(string) bool) {
	p := l.pasts[m.account]
	if p == nil {
		if l.accounts[m.account] == nil {
			return // there was no room for it
		}
		p = &guard.Past{}
		l.pasts[m.account] = p
	}
	var asn uint32
	var country string
	if l.where != nil {
		asn, country = l.where(m.client)
	}
	p.Note(m.client, asn, country, to, answers, guard.TimeOf(m.at))
}

// finish decides what is proposed and puts the rows in order.
func (l *Learned) finish() {
	whose := l.owners()
	for _, account := range slices.Sorted(maps.Keys(l.accounts)) {
		var rows []*Row
		for _, r := range l.accounts[account] {
			r.unfold()
			rows = append(rows, r)
		}
		slices.SortFunc(rows, func(a, b *Row) int { return cmp.Or(b.Messages-a.Messages, cmp.Compare(a.Address, b.Address)) })
		listed := 0
		for _, r := range rows {
			r.Of = l.another(r, whose)
			if r.Proposed = listed < maxListed && l.proposes(r); r.Proposed {
				listed++
			}
			l.Rows = append(l.Rows, *r)
		}
	}
	if l.dropped > 0 {
		l.note("entries left out: %d; there are more than %d accounts, %d addresses of one account, or overlong names", l.dropped, maxAccounts, maxPerPerson)
	}
}

// Events returns what was learned as facts for the journal, one an account.
func (l *Learned) Events(now time.Time) []guard.Event {
	var events []guard.Event
	for i := 0; i < len(l.Rows); {
		listing := &guard.Listing{}
		account := l.Rows[i].Account
		for ; i < len(l.Rows) && l.Rows[i].Account == account; i++ {
			listing.Messages += l.Rows[i].Messages
			if l.Rows[i].Proposed {
				listing.Addresses = append(listing.Addresses, l.Rows[i].Address)
			}
		}
		slices.Sort(listing.Addresses)
		events = append(events, guard.Event{
			Key: learnedKey(account, listing), Kind: guard.KindLearned, At: guard.TimeOf(now), Account: account, Listing: listing, Past: l.pasts[account],
		})
	}
	return events
}

// learnedKey is the natural key: the same thing learned twice is one fact.
func learnedKey(account string, l *guard.Listing) string {
	what := fmt.Sprintf("%q %d", l.Addresses, l.Messages)
	return fmt.Sprintf("learned:%s:%.8x", account, sha256.Sum256([]byte(what)))
}

func (l *Learned) note(format string, args ...any) {
	l.Notes = append(l.Notes, fmt.Sprintf(format, args...))
}
