package daemon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/mail/message"
	"postward/internal/run/ctl"
	"postward/internal/run/gate"
	"postward/internal/run/store"
)

func (d *Daemon) accounts() []ctl.Account {
	d.mu.Lock()
	list := []ctl.Account{}
	for _, name := range slices.Sorted(maps.Keys(d.state.Accounts())) {
		list = append(list, d.withLogins(d.state.Account(name)))
	}
	d.mu.Unlock()
	d.protections(list)
	return list
}

// withLogins is an account with what the State says of its logins. The caller holds the mutex.
func (d *Daemon) withLogins(a *guard.Account) ctl.Account {
	return ctl.Account{Account: d.shownLocked(a), Logins: string(guard.MayLogin(d.state, a.Name, netip.Addr{}, 0))}
}

// protections adds what the watch says of the accounts' logins.
func (d *Daemon) protections(list []ctl.Account) {
	said := map[bool]string{true: "protected", false: "would be protected"}[d.config.BansEnforced()]
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	found := d.gate.Protections(names)
	for i := range list {
		if p, is := found[list[i].Name]; is {
			list[i].Protected, list[i].Logins = &p, cmp.Or(list[i].Logins, said)
		}
	}
}

// shownLocked is an account for a person: in shadow mode nothing was done to it.
func (d *Daemon) shownLocked(a *guard.Account) *guard.Account {
	a = a.Clone()
	if a.Status != guard.Normal && d.onlyTold(a.Name) {
		a.Status = "would be " + a.Status
	}
	return a
}

// onlyTold reports whether an account's incident is one of shadow mode.
func (d *Daemon) onlyTold(account string) bool {
	i := d.state.OpenIncident(account)
	return i != nil && i.Shadow
}

// showAccount is an account, and who may log in to it.
func (d *Daemon) showAccount(r ctl.Name) (ctl.Account, error) {
	d.mu.Lock()
	a := d.state.Account(message.Account(r.Account))
	if a == nil {
		d.mu.Unlock()
		return ctl.Account{}, noAccount(r.Account)
	}
	one := []ctl.Account{d.withLogins(a)}
	d.mu.Unlock()
	d.protections(one)
	mails, signed := d.ledger.Signed(one[0].Name, time.Now())
	one[0].Today = &ctl.Signed{Mails: mails, Signed: signed}
	return one[0], nil
}

func (d *Daemon) account(r ctl.Name) (*guard.Account, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.state.Account(message.Account(r.Account))
	if a == nil {
		return nil, noAccount(r.Account)
	}
	return d.shownLocked(a), nil
}

// learnMore takes in what an operator's old logs say.
func (d *Daemon) learnMore(ctx context.Context, actor string, events []guard.Event) (ctl.Acted, error) {
	for i := range events {
		e, err := learnedEvent(&events[i], actor, now())
		if err != nil {
			return ctl.Acted{}, err
		}
		if err := d.recordAndWait(ctx, e); err != nil {
			return ctl.Acted{}, err
		}
	}
	return ctl.Acted{Accounts: len(events)}, nil
}

// learnedEvent takes what is said of an account, and nothing else: who chose the key of an event could take that of another,
// which then would be written nowhere.
func learnedEvent(said *guard.Event, actor string, t guard.Time) (*guard.Event, error) {
	e := &guard.Event{Kind: guard.KindLearned, At: t, Actor: actor, Account: said.Account, Listing: said.Listing, Past: said.Past}
	canonical(e)
	if said.Kind != guard.KindLearned || e.Account == "" || len(e.Account) > guard.MaxText {
		return nil, &ctl.Problem{What: "only what old logs say of an account can be learned"}
	}
	content, err := json.Marshal([]any{e.Listing, e.Past})
	if err != nil {
		return nil, fmt.Errorf("learn of %s: %w", e.Account, err)
	}
	e.Key = fmt.Sprintf("learned:%s:%.8x:%d", e.Account, sha256.Sum256(content), t)
	return e, nil
}

// forget strikes out what was learned of an account.
func (d *Daemon) forget(ctx context.Context, actor string, r ctl.ForgetRequest) (*guard.Account, error) {
	a, err := d.account(ctl.Name{Account: r.Account})
	if err != nil {
		return nil, err
	}
	name, t := a.Name, now()
	e := &guard.Event{Key: fmt.Sprintf("forget:%s:%d", name, t), Kind: guard.KindForgotten, At: t, Actor: actor, Account: name, Network: guard.Network(r.Network)}
	if err := d.recordAndWait(ctx, e); err != nil {
		return nil, err
	}
	return d.account(ctl.Name{Account: name})
}

// explain says what would become of the account's next mail.
func (d *Daemon) explain(r ctl.ExplainRequest) (guard.Explanation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.state.Account(message.Account(r.Account))
	if a == nil {
		return guard.Explanation{}, noAccount(r.Account)
	}
	t := &guard.Transaction{
		ID: "explain", Stage: guard.StageEnd, At: now(), Direction: guard.Submission, Login: a.Name, Client: r.From,
		Mailer: message.Clean(r.Program), Zone: guard.NoZone,
	}
	if !t.Client.IsValid() {
		t.Client = d.usualSource(a)
	}
	d.locate(t)
	for _, to := range r.Recipients {
		t.Recipients = append(t.Recipients, message.Canonical(to))
	}
	if len(t.Recipients) == 0 {
		t.Recipients = []string{"somebody.never.seen@example.invalid"}
	}
	return guard.Explain(d.state, t), nil
}

// usualSource is where an account's next mail would come from, as far as is known. Only the host's own users have none.
func (d *Daemon) usualSource(a *guard.Account) netip.Addr {
	if network, ok := strings.CutPrefix(a.Name, guard.NetPrefix); ok {
		if addr, err := netip.ParseAddr(network); err == nil {
			return addr
		}
	}
	addr := d.state.LastSource(a.Name)
	if !addr.IsValid() && !strings.HasPrefix(a.Name, guard.LocalPrefix) {
		return guard.NewAddress
	}
	return addr
}

func noAccount(name string) error {
	return &ctl.Problem{What: fmt.Sprintf("no account %q is known", name), Hint: "postward account list"}
}

var accountKinds = map[string]guard.Kind{"account/allow": guard.KindAllowed, "account/deny": guard.KindDenied, "account/class": guard.KindClassed}

func (d *Daemon) changeAccount(ctx context.Context, actor, verb string, r *ctl.AccountChange) (x ctl.AccountAnswer, err error) {
	name := message.Account(r.Account)
	if name == "" || len(name) > guard.MaxText {
		return x, &ctl.Problem{What: "an account has a name of at most 256 octets", Hint: "postward account list"}
	}
	if err := checkListing(r.Listing); err != nil {
		return x, err
	}
	t := now()
	e := &guard.Event{Key: fmt.Sprintf("%s:%s:%d", verb, name, t), Kind: accountKinds[verb], At: t, Actor: actor, Account: name, Listing: r.Listing}
	if _, err := d.account(ctl.Name{Account: name}); err != nil {
		if verb != "account/allow" {
			return x, err
		}
		x.Note = d.neverSeen(name)
	}
	if err := d.recordAndWait(ctx, e); err != nil {
		return x, err
	}
	x.Account, err = d.account(ctl.Name{Account: name})
	return x, err
}

// neverSeen says of an account that nobody has, as far as is known, what it may have been meant to be.
func (d *Daemon) neverSeen(name string) string {
	said := fmt.Sprintf("no account %s was seen before, in mail, in old logs or in Postfix's maps. If that was a typing error: postward account remove %[1]s", name)
	d.mu.Lock()
	defer d.mu.Unlock()
	if like, known := gate.Named(d.state, name); known {
		said += fmt.Sprintf("; postward account allow %s", like)
	}
	return said
}

// removeAccount takes an account out, as if it had never been seen.
func (d *Daemon) removeAccount(ctx context.Context, actor string, r ctl.Name) (ctl.Acted, error) {
	a, err := d.account(r)
	if err != nil {
		return ctl.Acted{}, err
	}
	t := now()
	e := &guard.Event{Key: fmt.Sprintf("erased:%s:%d", a.Name, t), Kind: guard.KindErased, At: t, Actor: actor, Account: a.Name}
	d.mu.Lock()
	why := d.state.Keeps(a.Name)
	var ticket *store.Ticket
	if why == "" {
		ticket, err = d.recordLocked(e)
	}
	d.mu.Unlock()
	switch {
	case err != nil:
		return ctl.Acted{}, err
	case why != "":
		return ctl.Acted{}, &ctl.Problem{What: fmt.Sprintf("%s stays: %s", a.Name, why), Hint: "postward account deny takes it off the list at once; once its incident is closed, its mail is gone and its logins are unlocked, it can be removed"}
	}
	if err := ticket.Wait(ctx); err != nil {
		return ctl.Acted{}, err
	}
	return ctl.Acted{Accounts: 1}, nil
}

// notAs lists as whom accounts wrote lately, and may not.
func (d *Daemon) notAs() []ctl.NotAs {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := []ctl.NotAs{}
	for _, name := range slices.Sorted(maps.Keys(d.state.Accounts())) {
		for _, n := range d.state.NotAs(d.state.Account(name), now()) {
			list = append(list, ctl.NotAs{Account: name, NotAs: n})
		}
	}
	slices.SortStableFunc(list, func(a, b ctl.NotAs) int { return b.Times - a.Times })
	return list
}
