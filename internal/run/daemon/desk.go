package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/host/postfix"
	"postward/internal/run/ctl"
	"postward/internal/run/store"
)

// answer is the operator's desk: one case a verb.
func (d *Daemon) answer(ctx context.Context, actor, verb string, request []byte) (any, error) {
	d.flushRefusals()
	switch verb {
	case "status":
		return d.status(), nil
	case "account/list":
		return d.accounts(), nil
	case "account/show":
		return answering(request, d.showAccount)
	case "account/learn":
		return answering(request, func(r ctl.LearnRequest) (ctl.Acted, error) { return d.learnMore(ctx, actor, r.Events) })
	case "account/forget":
		return answering(request, func(r ctl.ForgetRequest) (*guard.Account, error) { return d.forget(ctx, actor, r) })
	case "account/explain":
		return answering(request, d.explain)
	case "account/remove":
		return answering(request, func(r ctl.Name) (ctl.Acted, error) { return d.removeAccount(ctx, actor, r) })
	case "account/refused":
		return d.notAs(), nil
	case "account/allow", "account/deny", "account/class":
		return answering(request, func(r ctl.AccountChange) (ctl.AccountAnswer, error) { return d.changeAccount(ctx, actor, verb, &r) })
	case "account/lock", "account/unlock":
		return answering(request, func(r ctl.Name) (ctl.Account, error) { return d.lockAccount(ctx, actor, verb, r) })
	case "account/protect":
		return answering(request, func(r ctl.ProtectRequest) (ctl.ProtectAnswer, error) { return d.gate.Protect(ctx, actor, r) })
	case "ban/list":
		return d.gate.Bans(), nil
	case "ban/add":
		return answering(request, func(r ctl.BanRequest) (ctl.BansAnswer, error) { return d.gate.AddBan(ctx, actor, r) })
	case "ban/remove":
		return answering(request, func(r ctl.BanRequest) (ctl.BansAnswer, error) { return d.gate.RemoveBan(ctx, actor, r) })
	case "source/show":
		return answering(request, d.gate.Source)
	case "allow/list":
		return d.gate.Allowed(), nil
	case "allow/add", "allow/remove":
		return answering(request, func(r ctl.BanRequest) (ctl.AllowAnswer, error) { return d.gate.ChangeAllowed(ctx, actor, verb, r) })
	case "forwarder/list":
		return d.forwarderList(), nil
	case "case/list":
		return d.caseList(ctx)
	case "case/draft":
		return answering(request, func(r ctl.DraftRequest) (ctl.DraftAnswer, error) { return d.draftCase(ctx, r) })
	case "case/requested", "case/denied", "case/close":
		return answering(request, func(r ctl.CaseRequest) (ctl.CasesAnswer, error) { return d.actOnCase(ctx, actor, verb, r) })
	case "receiver/list":
		return d.receiverList(), nil
	case "incident/list":
		return d.incidents(), nil
	case "incident/show":
		return answering(request, d.incident)
	case "incident/release", "incident/spam", "incident/delete", "incident/close":
		return answering(request, func(r ctl.IncidentRequest) (ctl.Acted, error) { return d.actOnIncident(ctx, actor, verb, &r) })
	case "held/list":
		if err := d.reconcile(ctx); err != nil {
			return nil, err
		}
		return d.heldList(ctx)
	case "held/show":
		return answering(request, func(r ctl.MailsRequest) (ctl.LookAnswer, error) { return d.look(ctx, &r) })
	case "held/deleted":
		return d.deleted(ctx)
	case "held/restore":
		return answering(request, func(r ctl.MailsRequest) (ctl.HeldAnswer, error) { return d.bringBack(ctx, actor, &r) })
	case "held/release", "held/delete":
		return answering(request, func(r ctl.MailsRequest) (ctl.Acted, error) { return d.actOnHeld(ctx, actor, verb, &r) })
	}
	return nil, &ctl.Problem{What: fmt.Sprintf("no verb %q", verb), Hint: "the daemon and the command may be of different versions: systemctl restart postward"}
}

func answering[R, A any](request []byte, f func(R) (A, error)) (any, error) {
	var r R
	if err := json.Unmarshal(request, &r); err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	return f(r)
}

// recordAndWait is for an operator's word: it counts once it is on disk.
func (d *Daemon) recordAndWait(ctx context.Context, e *guard.Event) error {
	t, err := d.record(e)
	if err != nil {
		return err
	}
	return t.Wait(ctx)
}

func (d *Daemon) incidents() []ctl.IncidentRow {
	d.mu.Lock()
	defer d.mu.Unlock()
	waiting := map[int64]int{}
	for _, m := range d.state.Mails() {
		if m.Waiting() {
			waiting[m.Incident]++
		}
	}
	list := []ctl.IncidentRow{}
	for _, i := range d.state.Incidents() {
		list = append(list, ctl.IncidentRow{Incident: i.Clone(), Waiting: waiting[i.ID]})
	}
	slices.SortFunc(list, func(a, b ctl.IncidentRow) int { return cmp.Compare(b.ID, a.ID) })
	return list
}

func (d *Daemon) incident(r ctl.IncidentRequest) (ctl.IncidentAnswer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.state.Incident(r.ID)
	if i == nil {
		return ctl.IncidentAnswer{}, noIncident(r.ID)
	}
	return ctl.IncidentAnswer{Incident: i.Clone(), Mails: d.waiting(func(m *guard.Mail) bool { return m.Incident == i.ID })}, nil
}

func noIncident(id int64) error {
	return &ctl.Problem{What: fmt.Sprintf("no incident %d", id), Hint: "postward incident list"}
}

// waiting returns copies of the held mails that satisfy want, oldest first. The caller holds the mutex.
func (d *Daemon) waiting(want func(*guard.Mail) bool) []*guard.Mail {
	list := []*guard.Mail{}
	for _, m := range d.state.Mails() {
		if m.Waiting() && want(m) {
			list = append(list, m.Clone())
		}
	}
	slices.SortFunc(list, func(a, b *guard.Mail) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID)) })
	return list
}

var operatorKinds = map[string]guard.Kind{
	"incident/release": guard.KindRelease, "incident/spam": guard.KindSpam, "incident/delete": guard.KindDelete, "incident/close": guard.KindClosed,
	"held/release": guard.KindRelease, "held/delete": guard.KindDelete,
}

func (d *Daemon) actOnIncident(ctx context.Context, actor, verb string, r *ctl.IncidentRequest) (ctl.Acted, error) {
	if err := checkListing(r.Listing); err != nil {
		return ctl.Acted{}, err
	}
	shown, err := d.incident(ctl.IncidentRequest{ID: r.ID})
	if err != nil {
		return ctl.Acted{}, err
	}
	if shown.Incident.Status == guard.IncidentClosed && len(shown.Mails) == 0 && verb != "incident/spam" {
		return ctl.Acted{}, &ctl.Problem{What: fmt.Sprintf("incident %d is closed already (%s), and none of its mail is held", r.ID, shown.Incident.Outcome), Hint: "postward held list"}
	}
	t := now()
	n, err := d.decide(ctx, &guard.Event{Key: fmt.Sprintf("%s:%d:%d", verb, r.ID, t), Kind: operatorKinds[verb], At: t, Actor: actor, Incident: r.ID, Listing: r.Listing})
	if verb == "incident/close" {
		n = len(shown.Mails) // which stay
	}
	return ctl.Acted{Mails: n, Shadow: shown.Incident.Shadow}, err
}

// decide records operators' words about held mail, waits until they are on disk, and returns how many mails they
// decide.
func (d *Daemon) decide(ctx context.Context, words ...*guard.Event) (int, error) {
	n, ticket, err := d.recordWords(words)
	if err != nil {
		return 0, err
	}
	return n, ticket.Wait(ctx)
}

func (d *Daemon) recordWords(words []*guard.Event) (n int, last *store.Ticket, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range words {
		about := d.state.Decides(e)
		n += len(about)
		if e.Kind == guard.KindDelete || e.Kind == guard.KindSpam {
			e.Trashed = copies(about) // the journal says what it was when a copy in the trash is all that is left
		}
		if last, err = d.recordLocked(e); err != nil {
			return n, last, err
		}
	}
	return n, last, nil
}

// heldList lists what is in hold, with what Postfix knows of the mails that are not postward's.
func (d *Daemon) heldList(ctx context.Context) (ctl.HeldAnswer, error) {
	x := d.held()
	ids := make([]postfix.QueueID, len(x.Foreign))
	for i, f := range x.Foreign {
		ids[i] = postfix.QueueID(f.QueueID)
	}
	found, err := d.warden.Find(ctx, ids)
	if err != nil {
		return x, fmt.Errorf("look at the mail in hold that is not postward's: %w", err)
	}
	x.Foreign = x.Foreign[:0]
	for _, e := range found {
		if e.Queue == postfix.QueueHold {
			x.Foreign = append(x.Foreign, ctl.Foreign{QueueID: string(e.ID), Sender: e.Sender, Arrived: guard.TimeOf(e.Arrived)})
		}
	}
	slices.SortFunc(x.Foreign, func(a, b ctl.Foreign) int { return strings.Compare(a.QueueID, b.QueueID) })
	return x, nil
}

// held is what waits, and the queue IDs of what is not postward's.
func (d *Daemon) held() ctl.HeldAnswer {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := ctl.HeldAnswer{Mails: d.waiting(func(*guard.Mail) bool { return true }), Foreign: []ctl.Foreign{}}
	for id := range d.foreign {
		x.Foreign = append(x.Foreign, ctl.Foreign{QueueID: id})
	}
	return x
}

// ours returns the held mail with a queue id, or says whose it is.
func (d *Daemon) ours(queueID string) (*guard.Mail, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.state.Queued(queueID)
	switch {
	case m != nil && m.Waiting():
		return m.Clone(), nil
	case m != nil && m.Status == guard.MailForeign:
		return nil, &ctl.Problem{What: queueID + " was put on hold by somebody else: postward does not touch it", Hint: "postsuper -H " + queueID}
	}
	return nil, &ctl.Problem{What: fmt.Sprintf("postward holds no mail %q", queueID), Hint: "postward held list"}
}

func (d *Daemon) actOnHeld(ctx context.Context, actor, verb string, r *ctl.MailsRequest) (ctl.Acted, error) {
	var words []*guard.Event
	for _, id := range r.QueueIDs { // all or none: a wrong id must not leave half of the others done
		m, err := d.ours(id)
		if err != nil {
			return ctl.Acted{}, err
		}
		t := now()
		words = append(words, &guard.Event{Key: fmt.Sprintf("%s:%s:%d", verb, m.ID, t), Kind: operatorKinds[verb], At: t, Actor: actor, Mail: m.ID, Account: m.Account})
	}
	if len(words) == 0 {
		return ctl.Acted{}, &ctl.Problem{What: "no queue id was given", Hint: "postward held list"}
	}
	n, err := d.decide(ctx, words...)
	return ctl.Acted{Mails: n}, err
}

func (d *Daemon) look(ctx context.Context, r *ctl.MailsRequest) (ctl.LookAnswer, error) {
	if len(r.QueueIDs) != 1 {
		return ctl.LookAnswer{}, &ctl.Problem{What: "one queue id is shown at a time", Hint: "postward held list"}
	}
	m, err := d.ours(r.QueueIDs[0])
	if err != nil {
		return ctl.LookAnswer{}, err
	}
	id, err := postfix.ParseQueueID(m.QueueID)
	if err != nil {
		return ctl.LookAnswer{}, err
	}
	text, err := d.warden.Look(ctx, id)
	return ctl.LookAnswer{Mail: m, Text: string(text)}, err
}

// status gathers one screen.
func (d *Daemon) status() ctl.Status {
	d.checkHealth(time.Now())
	gate := d.gate.Status()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := ctl.Status{
		Gate:    gate,
		Version: d.version, Node: d.config.Node, Started: d.started, Now: now(), Modes: d.state.Policy().Modes,
		Listed: d.state.Site().Listed, Accounts: len(d.state.Accounts()), Verdicts: maps.Clone(d.verdicts),
		Contained: []string{}, Undone: []guard.Effect{}, Unlisted: []guard.Account{}, Troubles: d.troubles.List(), Log: d.mailLog.Log(),
	}
	if len(d.notify.Channels()) == 0 {
		s.Troubles = append(s.Troubles, noChannel)
	}
	if d.where != nil {
		s.NetworksOf = guard.TimeOf(d.where.Date())
	}
	s.Sockets, s.Sessions = sockets(d.config), map[guard.Direction]int{}
	for _, m := range d.servers {
		s.Sessions[m.Direction] = m.Sessions()
	}
	s.Foreign = len(d.foreign)
	for _, m := range d.state.Mails() {
		switch {
		case m.Status == guard.MailCooling:
			s.Cooling++
		case m.Waiting():
			s.Held++
		case m.Status != guard.MailRemoved:
			s.Queued++
		}
	}
	for _, i := range d.state.Incidents() {
		if i.Status != guard.IncidentClosed {
			s.Open++
		}
	}
	for _, e := range d.state.Effects() {
		if e.Attempts > 0 {
			s.Undone = append(s.Undone, *e)
		}
	}
	s.Proof = d.proofStatus()
	d.accountStatus(&s)
	return s
}

// maxUnlisted bounds the refused accounts that status names: it is one screen.
const maxUnlisted = 5

func (d *Daemon) accountStatus(s *ctl.Status) {
	for _, name := range slices.Sorted(maps.Keys(d.state.Accounts())) {
		a := d.state.Account(name)
		if a.Locked != 0 {
			s.Gate.Locked = append(s.Gate.Locked, name)
		}
		switch {
		case a.Status == guard.Contained && !d.onlyTold(name):
			s.Contained = append(s.Contained, name)
		case a.Listing == nil && a.Refused > 0 && len(s.Unlisted) < maxUnlisted:
			s.Unlisted = append(s.Unlisted, guard.Account{Name: name, Refused: a.Refused, LastNo: a.LastNo})
		}
		for _, n := range d.state.NotAs(a, s.Now) {
			s.NotAs++
			s.WouldRefuse += map[bool]int{true: 1}[n.Passed]
		}
		if a.Listing == nil && a.Learned != nil && a.Learned.Messages > 0 { // and not only a user of this host
			s.Learned++
		}
	}
}
