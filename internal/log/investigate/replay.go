package investigate

import (
	"strconv"
	"time"

	"postward/internal/guard"
	"postward/internal/log/delivery"
	"postward/internal/mail/message"
)

// replay is postward over old mail.
type replay struct {
	state    *guard.State
	past     map[string]*guard.Past // what was before the report, by account; nil when it is learned
	letters  guard.Letters          // of strangers, before it
	copies   copies
	mails    int
	tick     guard.Time // when it was looked what is due
	agenda   agenda
	planned  int
	followed map[string]*followed         // by the decision's name of the mail
	ids      map[*delivery.Mail]*followed // those that the tracker has not handed out
}

func newReplay() *replay {
	p := guard.DefaultPolicy()
	for _, s := range guard.Subjects {
		p.Modes[s] = guard.Enforce
	}
	r := &replay{state: guard.New(), past: map[string]*guard.Past{}, copies: copies{}, followed: map[string]*followed{}, ids: map[*delivery.Mail]*followed{}}
	guard.Apply(r.state, &guard.Event{Key: "policy", Kind: guard.KindPolicy, Policy: p})
	return r
}

// judge says whether postward would have kept a mail from leaving, and notes it on the account.
func (i *Investigation) judge(a *Account, m *delivery.Mail, t *guard.Transaction) (stopped bool) {
	t.ASN, t.Country = i.options.Where(m.Client)
	v, contained := i.replay.judge(m.Account, t, m)
	switch {
	case v.Action == guard.Accept || v.Cool:
		if a.Stopped != nil {
			a.Stopped.Passed += t.RecipientCount()
		}
		return false
	case a.Stopped == nil:
		a.Stopped = &Stop{Mail: a.Mails, At: m.Arrived, Why: v.Why, Source: m.Client}
	}
	s := a.Stopped
	if v.Action == guard.Hold {
		s.Held++
	} else {
		s.Refused++
	}
	if contained && s.Contained.IsZero() {
		s.Contained = m.Arrived
	}
	if m.Arrived.After(s.Last) {
		s.Last = m.Arrived
	}
	return true
}

// transaction is a mail as the milter would have seen it: with the recipients that its client named, each once. Those of whom
// the log does not say who they are are counted.
func transaction(m *delivery.Mail) *guard.Transaction {
	at := guard.TimeOf(m.Arrived)
	t := &guard.Transaction{
		Stage: guard.StageEnd, At: at, MailAt: at, Direction: guard.Submission, QueueID: m.IDs[0], Login: m.Account, Client: m.Client,
		ReversePath: message.Canonical(m.From), MessageID: m.MessageID, Size: m.Size, Zone: guard.NoZone,
	}
	names := m.Named
	if len(m.Deliveries) > 0 {
		names = nil
	}
	for k := range m.Deliveries {
		names = append(names, m.Deliveries[k].Name())
	}
	known := map[string]bool{}
	for _, name := range names {
		name = message.Canonical(name)
		switch {
		case known[name]:
		case len(t.Recipients) < guard.MaxRecipients:
			t.Recipients = append(t.Recipients, name)
		default:
			t.MoreRecipients++
		}
		known[name] = true
	}
	t.MoreRecipients += max(m.More, int(m.Count)-len(names), 0)
	return t
}

// judge judges a mail as the daemon does, and does at once what becomes due: nobody is there to release what is held.
func (r *replay) judge(account string, t *guard.Transaction, m *delivery.Mail) (v guard.Verdict, contained bool) {
	r.learn(t.At)
	if r.state.Account(account) == nil {
		r.allow(account, t.At)
	}
	r.until(t.At)
	if t.At.Sub(r.tick) >= time.Second { // as the daemon does
		r.due(t.At)
	}
	r.person(account, t.At)
	r.mails++
	t.ID = strconv.Itoa(r.mails)
	v = guard.Judge(r.state, t)
	r.apply(&guard.Event{Key: "judged:" + t.ID, Kind: guard.KindJudged, At: t.At, Account: v.Account, Transaction: t, Verdict: &v})
	r.follow(t.ID, m)
	switch {
	case v.Action == guard.Accept:
		r.let(t.ID, t.At)
	case v.Cool:
		r.plan(v.ReleaseAt, nil)
	}
	a := r.state.Account(account)
	return v, a != nil && a.Status == guard.Contained
}

// due does what is due at a time.
func (r *replay) due(now guard.Time) {
	r.tick = now
	for _, e := range guard.Due(r.state, now).Events {
		r.apply(&e)
	}
}

// looksAfter is how long the person in the replay takes to look at an incident: what was only held is the owner's own, and
// let go; an account that was stopped gets a new password after stoppedFor.
const (
	looksAfter = 8 * time.Hour
	stoppedFor = 48 * time.Hour
)

func (r *replay) person(account string, now guard.Time) {
	i := r.state.OpenIncident(account)
	switch {
	case i == nil:
	case i.Status == guard.IncidentContained && now.Sub(i.Contained) > stoppedFor:
		r.apply(&guard.Event{Key: "close:" + strconv.FormatInt(i.ID, 10), Kind: guard.KindClosed, At: now, Incident: i.ID})
	case i.Status == guard.IncidentOpen && now.Sub(i.Opened) > looksAfter:
		r.apply(&guard.Event{Key: "release:" + strconv.FormatInt(i.ID, 10), Kind: guard.KindRelease, At: now, Incident: i.ID})
	}
}

func (r *replay) apply(e *guard.Event) {
	for _, f := range guard.Apply(r.state, e) {
		guard.Apply(r.state, &guard.Event{Key: "outcome:" + f.ID, Kind: guard.KindOutcome, At: e.At, Effect: f.ID, Mail: f.Mail, Outcome: guard.Done})
		if f.Act == guard.ActRelease {
			r.let(f.Mail, e.At)
		}
	}
}
