package guard

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// State is the fold of all events. Only Apply writes it. It is bounded: see the max constants.
type State struct {
	policy    *Policy
	accounts  map[string]*Account
	mails     map[string]*Mail    // by Mail.ID, until out of Postfix's queue
	queue     map[string]string   // queue id → Mail.ID of its present incarnation
	incidents map[int64]*Incident // open ones, and the last maxClosedIncident
	effects   map[string]*Effect  // undone ones
	open      map[string]int64    // account → its open incident
	cool      map[string]struct{} // mails that cool, by Mail.ID
	removed   []string            // mails out of the queue and remembered, oldest first
	familiar  familiars           // what many accounts are familiar with, derived from them
	owners    map[string]string   // listed address → account, derived likewise
	locals    map[string]struct{} // accounts "local:…", derived likewise
	machines  int32               // mails in hold of accounts "net:…", derived likewise
	outside   int32               // mails in hold from outside, derived from the mails
	site      Site
	changed   Changes
}

// Site is what all accounts have in common.
type Site struct {
	LastIncident    int64     `json:"last_incident"`
	Unfamiliar      window    `json:"unfamiliar"`                // never-seen recipients from level new or country, all accounts
	Undeclared      window    `json:"undeclared"`                // never-seen recipients of the undeclared "net:" accounts, all together
	MachinesAlerted today     `json:"machines_alerted,omitzero"` // incidents of undeclared "net:" accounts
	RestOfHours     rest      `json:"rest_of_hours,omitempty"`   // of steps of the clock
	RestOfDays      rest      `json:"rest_of_days,omitempty"`
	RestOfDates     rest      `json:"rest_of_dates,omitempty"`
	Leap            leap      `json:"leap,omitzero"`   // while postward did not run
	Listed          int       `json:"listed"`          // accounts on the list
	Begun           bool      `json:"begun,omitempty"` // there was one, once: a list that somebody emptied is a list
	First           Time      `json:"first"`           // of the first judgement: a site is new for a month
	Latest          Time      `json:"latest"`          // of the last judgement: a clock that shows less was set back
	Secret          Secret    `json:"secret"`          // of the installation
	Spam            SpamMarks `json:"spam"`            // what operators called spam
}

// Bounds of the State. Beyond them the oldest passed mails and closed incidents are forgotten; held mail never is.
const (
	maxMails          = 50_000
	maxHeldAnAccount  = 500
	maxClosedIncident = 1000
)

// New returns an empty State under the default policy.
func New() *State {
	return &State{
		policy: DefaultPolicy(), accounts: map[string]*Account{}, mails: map[string]*Mail{}, queue: map[string]string{},
		incidents: map[int64]*Incident{}, effects: map[string]*Effect{}, open: map[string]int64{}, cool: map[string]struct{}{}, familiar: newFamiliars(), owners: map[string]string{}, locals: map[string]struct{}{}, changed: newChanges(),
	}
}

// Rows is a State as rows, for the store. Its JSON is also the form in which two States are compared.
type Rows struct {
	Policy    *Policy     `json:"policy"`
	Site      Site        `json:"site"`
	Accounts  []*Account  `json:"accounts"`  // by name
	Mails     []*Mail     `json:"mails"`     // by ID
	Incidents []*Incident `json:"incidents"` // by ID
	Effects   []*Effect   `json:"effects"`   // by ID
}

// HoldAll makes rows that are not the last ones safe to go on with: what postward would let go by itself, or is letting
// go, is held for a person.
func (r *Rows) HoldAll() {
	waiting := map[string]int32{}
	for _, m := range r.Mails {
		switch {
		case m.Status == MailReleasing && !m.ByHand:
			waiting[m.Account]++
			fallthrough
		case m.Status == MailCooling:
			m.Status, m.ReleaseAt = MailHeld, 0
			r.Effects = slices.DeleteFunc(r.Effects, func(e *Effect) bool { return e.Act == ActRelease && e.Mail == m.ID })
		}
	}
	for _, a := range r.Accounts {
		a.Waiting += waiting[a.Name]
	}
}

// noteLocal keeps which accounts are the host's own users.
func (s *State) noteLocal(name string) {
	if strings.HasPrefix(name, LocalPrefix) {
		s.locals[name] = struct{}{}
	}
}

// Key gives the installation its secret, and makes rows of the first release, which had none, such that a State can go on
// with them. Rows that have a secret are left alone.
func (r *Rows) Key(secret Secret) {
	if r.Site.Secret != (Secret{}) {
		return
	}
	r.Site.Secret = secret
	for _, a := range r.Accounts {
		if a.First != 0 && (r.Site.First == 0 || a.First < r.Site.First) {
			r.Site.First = a.First
		}
		a.Steady = max(a.Steady, uint32(a.MeanDay)*16) // one is 16 times a mean, the other 256 times
		a.Usual = [2]uint32{a.Steady, a.Steady}
	}
}

// Restore makes a State of rows and owns them from then on.
func Restore(rows *Rows) *State {
	s := New()
	if rows.Policy != nil {
		s.policy = rows.Policy
	}
	s.site = rows.Site
	for _, a := range rows.Accounts {
		s.accounts[a.Name] = a
		s.familiar.add(&a.Sources)
		s.noteOwner(a)
		s.noteLocal(a.Name)
		if strings.HasPrefix(a.Name, NetPrefix) {
			s.machines += a.Waiting
		}
	}
	for _, m := range rows.Mails {
		s.mails[m.ID] = m
		s.index(m)
	}
	slices.SortFunc(s.removed, func(a, b string) int { return byRemoval(s.mails[a], s.mails[b]) })
	for _, i := range rows.Incidents {
		s.incidents[i.ID] = i
		if i.Status != IncidentClosed {
			s.open[i.Account] = i.ID
		}
	}
	for _, e := range rows.Effects {
		s.effects[e.ID] = e
	}
	return s
}

// index enters a restored mail into what is derived from the mails.
func (s *State) index(m *Mail) {
	switch m.Status {
	case MailRemoved:
		s.removed = append(s.removed, m.ID)
		return
	case MailCooling:
		s.cool[m.ID] = struct{}{}
	}
	if m.fromOutside() && m.Waiting() {
		s.outside++
	}
	s.noteQueueID(m)
}

func byRemoval(a, b *Mail) int {
	if a.RemovedAt != b.RemovedAt {
		return cmp.Compare(a.RemovedAt, b.RemovedAt)
	}
	return cmp.Compare(a.ID, b.ID)
}

// noteQueueID keeps the newest incarnation of a queue id.
func (s *State) noteQueueID(m *Mail) {
	if m.QueueID == "" {
		return
	}
	if other := s.mails[s.queue[m.QueueID]]; other == nil || other.At <= m.At {
		s.queue[m.QueueID] = m.ID
	}
}

// All returns copies of everything, sorted. It is for tests and exports, not for the live path.
func (s *State) All() *Rows {
	rows := &Rows{Policy: s.policy, Site: s.Site()}
	for _, name := range slices.Sorted(maps.Keys(s.accounts)) {
		rows.Accounts = append(rows.Accounts, s.accounts[name].Clone())
	}
	for _, id := range slices.Sorted(maps.Keys(s.mails)) {
		rows.Mails = append(rows.Mails, s.mails[id].Clone())
	}
	for _, id := range slices.Sorted(maps.Keys(s.incidents)) {
		rows.Incidents = append(rows.Incidents, s.incidents[id].Clone())
	}
	for _, id := range slices.Sorted(maps.Keys(s.effects)) {
		e := *s.effects[id]
		rows.Effects = append(rows.Effects, &e)
	}
	return rows
}

// Changes names the rows that Apply touched since they were last taken.
type Changes struct {
	Policy    bool
	Site      bool
	Accounts  map[string]struct{}
	Mails     map[string]struct{}
	Incidents map[int64]struct{}
	Effects   map[string]struct{}
}

func newChanges() Changes {
	return Changes{
		Accounts: map[string]struct{}{}, Mails: map[string]struct{}{},
		Incidents: map[int64]struct{}{}, Effects: map[string]struct{}{},
	}
}

// Checkpoint is the rows to write and those to delete so that the store holds the State as it is now.
type Checkpoint struct {
	Rows
	Policied     bool // Rows.Policy changed
	GoneAccounts []string
	GoneMails    []string
	GoneEffects  []string
	GoneIncident []int64
}

// TakeChanges returns copies of the rows changed since the last call. The caller writes them, in the same
// database transaction as the sequence number of the last event applied.
func (s *State) TakeChanges() *Checkpoint {
	c := &Checkpoint{Rows: Rows{Policy: s.policy, Site: s.Site()}, Policied: s.changed.Policy}
	for name := range s.changed.Accounts {
		if a := s.accounts[name]; a != nil {
			c.Accounts = append(c.Accounts, a.Clone())
		} else {
			c.GoneAccounts = append(c.GoneAccounts, name)
		}
	}
	for id := range s.changed.Mails {
		if m := s.mails[id]; m != nil {
			c.Mails = append(c.Mails, m.Clone())
		} else {
			c.GoneMails = append(c.GoneMails, id)
		}
	}
	for id := range s.changed.Incidents {
		if i := s.incidents[id]; i != nil {
			c.Incidents = append(c.Incidents, i.Clone())
		} else {
			c.GoneIncident = append(c.GoneIncident, id)
		}
	}
	for id := range s.changed.Effects {
		if e := s.effects[id]; e != nil {
			copied := *e
			c.Effects = append(c.Effects, &copied)
		} else {
			c.GoneEffects = append(c.GoneEffects, id)
		}
	}
	s.changed = newChanges()
	return c
}

// The getters below return what State holds, for reading only, under the owner's mutex.

// Policy returns the policy in force.
func (s *State) Policy() *Policy { return s.policy }

// Site returns a copy of what all accounts have in common.
func (s *State) Site() Site {
	site := s.site
	site.Spam = s.site.Spam.clone()
	return site
}

// Account returns an account, or nil.
func (s *State) Account(name string) *Account { return s.accounts[name] }

// Mail returns a mail by its ID, or nil.
func (s *State) Mail(id string) *Mail { return s.mails[id] }

// Queued returns the mail that now has a queue id, or nil.
func (s *State) Queued(queueID string) *Mail { return s.mails[s.queue[queueID]] }

// Incident returns an incident, or nil.
func (s *State) Incident(id int64) *Incident { return s.incidents[id] }

// Accounts returns every account by name.
func (s *State) Accounts() map[string]*Account { return s.accounts }

// Mails returns every mail by ID.
func (s *State) Mails() map[string]*Mail { return s.mails }

// Incidents returns every incident by ID.
func (s *State) Incidents() map[int64]*Incident { return s.incidents }

// AnyOpen reports whether an incident is open.
func (s *State) AnyOpen() bool { return len(s.open) > 0 }

// Effects returns every undone effect by ID.
func (s *State) Effects() map[string]*Effect { return s.effects }

// OpenIncident returns the open or contained incident of an account, or nil.
func (s *State) OpenIncident(account string) *Incident { return s.incidents[s.open[account]] }
