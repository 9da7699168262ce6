package guard

import (
	"slices"
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
	Addresses []string `json:"addresses,omitempty"` // exact, with one * in the local part, or *; empty: its own, see Account.Owns
	Own       bool     `json:"own,omitempty"`       // beside Addresses its own too
	Adds      bool     `json:"adds,omitempty"`      // in an operator's word: Addresses come to those it has, and it keeps its own
	Messages  int      `json:"messages,omitempty"`  // for what was learned: messages seen in old logs
}

// Account is what postward knows of one account. With 500 known recipients it takes less than 8 KiB.
type Account struct {
	Name    string   `json:"name"`
	Listing *Listing `json:"listing,omitempty"`
	Learned *Listing `json:"learned,omitempty"` // seen in old logs and maps, not yet allowed
	Status  Status   `json:"status"`
	Locked  Time     `json:"locked,omitempty"` // when an operator locked it: nobody logs in
	Opened  int64    `json:"opened,omitempty"` // the incident in which an operator let everybody log in again

	First    Time    `json:"first,omitempty"` // first mail that passed
	Last     Time    `json:"last,omitempty"`  // last mail that passed
	Messages uint64  `json:"messages,omitempty"`
	Refused  uint64  `json:"refused,omitempty"` // mails refused, ever
	LastNo   Time    `json:"last_refused,omitempty"`
	NotAs    []NotAs `json:"not_as,omitempty"` // as whom it wrote and may not, at most maxNotAs

	Known   Recipients  `json:"recipients,omitzero"`
	Unkeyed *Recipients `json:"known,omitempty"` // as the first release knew them: see recipients.go; nil: none
	Sources Sources     `json:"sources"`
	Held    []Time      `json:"held,omitempty"` // when its last mails were held, oldest first, at most maxHeldTimes
	Spent   spent       `json:"spent,omitzero"`
	Writers []writer    `json:"writers,omitempty"` // who wrote to it lately, at most maxWriters
	Wrote   today       `json:"wrote,omitzero"`    // how many facts about who wrote to it
	Crowded Time        `json:"crowded,omitempty"` // when one of Writers was last forgotten for a new one
	Past    Time        `json:"past,omitempty"`    // until when its history comes from old logs

	Day     int32     `json:"day,omitempty"`      // the day (since 1970, UTC) that DayNew counts
	DayNew  uint16    `json:"day_new,omitempty"`  // never-seen recipients of mail that passed on Day
	MaxDay  uint16    `json:"max_day,omitempty"`  // the most of any day that is long past, or of one release
	Peaks   [2]uint16 `json:"peaks,omitzero"`     // the most of any day in this period and in the one before
	Usual   [2]uint32 `json:"usual,omitzero"`     // Steady at the end of the last period, and of the one before
	Steady  uint32    `json:"steady,omitempty"`   // 256 times the mean of DayNew over the days of the last months
	MeanDay uint16    `json:"mean_day,omitempty"` // 16 times the mean of DayNew over the days it wrote on, the last weigh most
	Granted uint16    `json:"granted,omitempty"`  // never-seen recipients of what operators released
	Waiting int32     `json:"waiting,omitempty"`  // its mails in hold by postward's verdict

	Suspicion Suspicion `json:"suspicion,omitzero"`
}

// spent counts the recipients of mail that passed or cools. What is spent from a tier is spent from the better ones
// too: whatever order the sources come in, there is one total.
type spent struct {
	New [3]window `json:"new,omitzero"` // never-seen, a day, by tier
	Ten [3]decade `json:"ten,omitzero"` // the same, ten days
}

const (
	maxHeldTimes = 12
	newcomerFor  = 14 * 24 * time.Hour
)

func (a *Account) listed() bool { return a.Listing != nil && !a.Listing.Denied }

// declared reports whether an operator declared it to write to many.
func (a *Account) declared() bool {
	return a.listed() && a.Listing.Class != "" && a.Listing.Class != Person
}

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

// spend counts a mail that passes or cools; one that cools counts when it will leave.
func (a *Account) spend(now Time, v *Verdict) { a.spendOn(max(now, v.ReleaseAt), v.tier(), v.New) }

func (a *Account) spendOn(now Time, tier Tier, n int) {
	for ; tier <= TierOwn; tier++ {
		a.Spent.New[tier.at()].add(now, n)
		a.Spent.Ten[tier.at()].add(now, n)
	}
}

// giveBack undoes spend for a mail that the MTA did not take. What passed made its recipients known already: the
// same mail spends nothing when it comes again, so what it spent for them stays spent.
func (a *Account) giveBack(m *Mail) {
	if m.Status == MailCooling {
		for tier := m.tier(); tier <= TierOwn; tier++ {
			a.Spent.New[tier.at()].giveBack(m.ReleaseAt, m.New)
			a.Spent.Ten[tier.at()].giveBack(m.ReleaseAt, m.New)
		}
	}
}

// learn makes recipients known.
func (a *Account) learn(hashes []uint64, now Time, notes uint16) {
	for _, h := range hashes {
		a.Known.add(h, now, notes)
	}
}

// today counts over a day (UTC).
type today struct {
	Day int32  `json:"day"` // since 1970
	N   uint16 `json:"n"`
}

func (d *today) add(now Time, n int) {
	if day := int32(dayOf(now)); day > d.Day {
		*d = today{Day: day}
	}
	d.N = sum16(d.N, n)
}

func (d *today) sum(now Time) int {
	if int32(dayOf(now)) != d.Day {
		return 0
	}
	return int(d.N)
}

// peakPeriod is how many days a period of Peaks has. A day counts for the account's budget when two of them are over: a
// thief's first days do not raise his own.
const peakPeriod = 32

// countDay keeps how many never-seen recipients a day had. The day that runs does not count yet: or a burst would
// raise its own budget.
func (a *Account) countDay(now Time, n int) {
	if day := int32(dayOf(now)); day != a.Day {
		a.MeanDay = uint16((uint32(a.MeanDay)*7 + min(uint32(a.DayNew), 1000)*16) / 8)
		a.endDay(day)
		a.Day, a.DayNew = day, 0
	}
	a.DayNew = sum16(a.DayNew, n)
}

// endDay enters DayNew, of a.Day, into what is kept of the days before day.
func (a *Account) endDay(day int32) {
	a.Peaks[0] = max(a.Peaks[0], a.DayNew)
	for range min(day/peakPeriod-a.Day/peakPeriod, 2) {
		a.MaxDay, a.Peaks[1], a.Peaks[0] = max(a.MaxDay, a.Peaks[1]), a.Peaks[0], 0
		a.Usual[1], a.Usual[0] = a.Usual[0], a.Steady
	}
	a.Steady += min(uint32(a.DayNew), 1000) * 256 / steadyDays
	for range min(max(day-a.Day, 0), 10*steadyDays) {
		a.Steady -= a.Steady / steadyDays
	}
}

// steadyDays is over how many days Steady is a mean, the last ones weigh most.
const steadyDays = 64

// UsualDay returns the never-seen recipients of an ordinary day.
func (a *Account) UsualDay() uint16 { return a.MeanDay / 16 }

// Clone returns a copy that shares nothing with a, for writing outside the State's mutex.
func (a *Account) Clone() *Account {
	c := *a
	c.Known = a.Known.Clone()
	if a.Unkeyed != nil {
		unkeyed := a.Unkeyed.Clone()
		c.Unkeyed = &unkeyed
	}
	c.Held, c.Writers, c.NotAs = slices.Clone(a.Held), slices.Clone(a.Writers), slices.Clone(a.NotAs)
	c.Suspicion.Strange, c.Suspicion.Texts = slices.Clone(a.Suspicion.Strange), slices.Clone(a.Suspicion.Texts)
	c.Suspicion.Bouncers = slices.Clone(a.Suspicion.Bouncers)
	c.Sources.Networks = slices.Clone(a.Sources.Networks)
	c.Sources.ASNs = slices.Clone(a.Sources.ASNs)
	c.Sources.Countries = slices.Clone(a.Sources.Countries)
	c.Sources.Programs = slices.Clone(a.Sources.Programs)
	c.Sources.Readings = slices.Clone(a.Sources.Readings)
	return &c
}
