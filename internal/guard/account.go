package guard

import (
	"slices"
	"strings"
	"time"
)

// Status is how postward sees an account.
type Status string

const (
	Normal     Status = "normal"
	Suspicious Status = "suspicious" // what is unusual is held
	Contained  Status = "contained"  // everything is refused
)

// Class is what an operator declared an account to be.
type Class string

const (
	Person      Class = "person"
	Newsletter  Class = "newsletter"  // has a declared budget of never-seen recipients
	Application Class = "application" // likewise
)

// Listing is an account's entry on the list of those who may send.
type Listing struct {
	Denied    bool     `json:"denied,omitempty"`
	Since     Time     `json:"since"`               // first put on the list
	Class     Class    `json:"class,omitempty"`     // empty: person
	Budget    int      `json:"budget,omitempty"`    // never-seen recipients a rolling day, for a declared class
	Addresses []string `json:"addresses,omitempty"` // exact, *@domain or *; empty: see Policy.Domains
	Messages  int      `json:"messages,omitempty"`  // for what was learned: messages seen in old logs
}

// Account is what postward knows of one account. With 500 known recipients it takes less than 8 KiB.
type Account struct {
	Name    string   `json:"name"`
	Listing *Listing `json:"listing,omitempty"`
	Learned *Listing `json:"learned,omitempty"` // seen in old logs and maps, not yet allowed
	Status  Status   `json:"status"`

	First    Time   `json:"first,omitempty"` // first mail that passed
	Last     Time   `json:"last,omitempty"`  // last mail that passed
	Messages uint64 `json:"messages,omitempty"`
	Refused  uint64 `json:"refused,omitempty"` // mails refused, ever
	LastNo   Time   `json:"last_refused,omitempty"`

	Known   Recipients `json:"known"`
	Sources Sources    `json:"sources"`
	Held    []Time     `json:"held,omitempty"` // when its last mails were held, oldest first, at most maxHeldTimes
	Spent   spent      `json:"spent,omitzero"`
	Day     int32      `json:"day,omitempty"`      // the day (since 1970, UTC) that DayNew counts
	DayNew  uint16     `json:"day_new,omitempty"`  // never-seen recipients of mail that passed on Day
	MaxDay  uint16     `json:"max_day,omitempty"`  // the most of any day before it, or of one release
	MeanDay uint16     `json:"mean_day,omitempty"` // 16 times the mean of DayNew over the days it wrote on, the last weigh most
	Past    Time       `json:"past,omitempty"`     // until when its history comes from old logs
	Granted uint16     `json:"granted,omitempty"`  // never-seen recipients of what operators released
	Waiting int        `json:"waiting,omitempty"`  // its mails in hold by postward's verdict

	Heard     window    `json:"heard,omitzero"` // strangers that wrote to it
	Suspicion Suspicion `json:"suspicion,omitzero"`
}

// spent counts the recipients of mail that passed or cools. The windows of never-seen recipients nest: what came
// from an unfamiliar source counts in the windows of the more familiar ones too. Level new and country share one.
type spent struct {
	New   [3]window `json:"new,omitzero"`   // never-seen; see tier
	Known window    `json:"known,omitzero"` // known, from level new or country
}

// tier returns the window of never-seen recipients that l spends from.
func (l Level) tier() int { return max(int(l)-1, 0) }

const (
	maxHeldTimes = 16
	newcomerFor  = 14 * 24 * time.Hour
)

// Prefixes of accounts that have no login: a user of this host, and a network of the operator's own.
const (
	LocalPrefix = "local:"
	NetPrefix   = "net:"
)

// AccountOf returns the name of the account that t counts for; empty for mail from strangers.
func AccountOf(p *Policy, t *Transaction) string {
	switch {
	case t.Login != "":
		return strings.ToLower(t.Login)
	case t.Direction == Local && t.UnixUser == "":
		return LocalPrefix + "unknown"
	case t.Direction == Local:
		return LocalPrefix + strings.ToLower(t.UnixUser)
	case p.IsOwn(t.Client):
		return NetPrefix + Network(t.Client).String()
	case t.Direction == Submission:
		return NetPrefix + Network(t.Client).String()
	}
	return ""
}

// hosted reports whether an account needs no login: what the host itself and its own networks send.
func hosted(name string) bool {
	return strings.HasPrefix(name, LocalPrefix) || strings.HasPrefix(name, NetPrefix)
}

func (a *Account) listed() bool { return a.Listing != nil && !a.Listing.Denied }

// unclassified reports whether a is a hosted account that nobody has declared: it is watched, never refused.
func (a *Account) unclassified() bool { return hosted(a.Name) && a.Listing == nil }

func (a *Account) newcomer(now Time) bool {
	return a.listed() && now.Sub(a.Listing.Since) < newcomerFor
}

func (a *Account) dormant(p *Policy, now Time) bool {
	return a.Last == 0 || now.Sub(a.Last) > p.Cooling.Dormant
}

func (a *Account) heldSince(from Time) int {
	n := 0
	for _, at := range a.Held {
		if at > from {
			n++
		}
	}
	return n
}

func (a *Account) noteHeld(now Time) {
	if len(a.Held) == maxHeldTimes {
		a.Held = slices.Delete(a.Held, 0, 1)
	}
	a.Held = append(a.Held, now)
}

// spend counts a mail that passes or cools.
func (a *Account) spend(now Time, v *Verdict) {
	for tier := v.Level.tier(); tier < len(a.Spent.New); tier++ {
		a.Spent.New[tier].add(now, v.New)
	}
	if v.Level <= LevelCountry {
		a.Spent.Known.add(now, v.Known)
	}
}

// giveBack undoes spend for a mail that the MTA did not take. What passed made its recipients known already: the
// same mail spends nothing when it comes again, so what it spent for them stays spent.
func (a *Account) giveBack(m *Mail) {
	if m.Status == MailCooling {
		for tier := m.Level.tier(); tier < len(a.Spent.New); tier++ {
			a.Spent.New[tier].giveBack(m.At, m.New)
		}
	}
	if m.Level <= LevelCountry {
		a.Spent.Known.giveBack(m.At, m.Known)
	}
}

// learn makes recipients known.
func (a *Account) learn(hashes []uint64, now Time) {
	for _, h := range hashes {
		a.Known.add(h, now)
	}
}

// countDay keeps the most never-seen recipients of a day. The day that runs does not count yet: or a burst would
// raise its own budget.
func (a *Account) countDay(now Time, n int) {
	if day := int32(now / (24 * hour)); day != a.Day {
		a.MeanDay = uint16((uint32(a.MeanDay)*7 + min(uint32(a.DayNew), 1000)*16) / 8)
		a.MaxDay, a.Day, a.DayNew = max(a.MaxDay, a.DayNew), day, 0
	}
	a.DayNew = uint16(min(int(a.DayNew)+n, 65535))
}

// UsualDay returns the never-seen recipients of an ordinary day.
func (a *Account) UsualDay() uint16 { return a.MeanDay / 16 }

// Clone returns a copy that shares nothing with a, for writing outside the State's mutex.
func (a *Account) Clone() *Account {
	c := *a
	c.Known = a.Known.Clone()
	c.Held = slices.Clone(a.Held)
	c.Suspicion.Strange, c.Suspicion.Texts = slices.Clone(a.Suspicion.Strange), slices.Clone(a.Suspicion.Texts)
	c.Sources.Networks = slices.Clone(a.Sources.Networks)
	c.Sources.ASNs = slices.Clone(a.Sources.ASNs)
	c.Sources.Countries = slices.Clone(a.Sources.Countries)
	c.Sources.Programs = slices.Clone(a.Sources.Programs)
	return &c
}
