package guard

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Judge says what should become of a transaction, and why. It reads s and changes nothing; the verdict counts
// once an event with it is applied.
func Judge(s *State, t *Transaction) Verdict {
	name := s.AccountOf(t)
	if name == "" {
		return stranger(s, t)
	}
	j := newJudgement(s, t, name)
	v := j.verdict(Accept, ReasonOrdinary)
	for _, r := range order {
		if r.stage == StageEnd && t.Stage != StageEnd {
			break
		}
		o, objects := r.rule(&j)
		if !objects {
			continue
		}
		if j.enforced(o.reason) {
			if o = j.quietly(o); o.action == Hold && t.Stage != StageEnd {
				break
			}
			return j.beside(j.object(o), &v)
		}
		if v.Would == "" {
			v.Would, v.Reason, v.Why, v.About, v.Cool, v.Evidence = o.action, o.reason, o.why, o.about, o.cool, o.evidence
		}
	}
	return v
}

// quietly has a refusal of mail that a program on the host injected wait for a person, unless its reverse-path is of this
// site: Postfix returns what is refused there to the reverse-path, which the program names as it likes, and a refusal that
// nobody hears (the null one) loses the mail.
func (j *judgement) quietly(o objection) objection {
	if o.action != Reject || j.t.Direction != Local || j.policy.colleague(j.t.ReversePath) {
		return o
	}
	if full, isFull := j.tooMuchHeld(); isFull {
		return full
	}
	o.action, o.evidence = Hold, j.evidence()
	return o
}

// beside keeps what a lock in shadow would have stopped when another one only lets the mail wait.
func (j *judgement) beside(v Verdict, shadow *Verdict) Verdict {
	if v.Cool && shadow.stops() {
		v.Would, v.WouldBy, v.About, v.Waits, v.Evidence = shadow.Would, shadow.Reason, shadow.About, true, v.Evidence|shadow.Evidence
		v.Why += "; in shadow: " + shadow.Why
	}
	return v
}

// order is the order in which rules win. The first that objects, and is enforced, decides. What can be said of
// the sender alone comes first and is said at the MAIL command; the rest needs the message.
var order = [...]struct {
	stage Stage
	rule  func(*judgement) (objection, bool)
}{
	{StageMail, (*judgement).notListed},
	{StageMail, (*judgement).contained},
	{StageMail, (*judgement).foreignReversePath},
	{StageEnd, (*judgement).unknownInjector},
	{StageEnd, (*judgement).foreignAuthor},
	{StageEnd, (*judgement).tooMuchHeld},
	{StageEnd, (*judgement).suspicious},
	{StageEnd, (*judgement).overScore},
	{StageEnd, (*judgement).overBudget},
	{StageEnd, (*judgement).overKnownBudget},
	{StageEnd, (*judgement).overSiteBudget},
	{StageEnd, (*judgement).unusual},
}

// objection is what a rule has against a mail.
type objection struct {
	action   Action
	reason   Reason
	why      string
	about    string // see Verdict.About
	cool     bool
	evidence Families
}

// judgement is one transaction beside what the State knows of its account.
type judgement struct {
	state   *State
	policy  *Policy
	t       *Transaction
	account *Account
	level   Level
	lent    bool // level is one better than what is known, for the account's own program
	strange bool // the account itself never wrote from there for long
	tier    Tier
	met     bool // an unfamiliar source that was used with the account's own people before
	new     int  // strangers: recipients never seen by the account, of other domains than the site's
	wrote   int  // those of them that wrote to it lately
	staff   int  // recipients never seen by the account, in the site's own domains
	known   int
	people  uint8 // a bit for each known recipient who vouches for the source
}

func newJudgement(s *State, t *Transaction, name string) judgement {
	a := s.accounts[name]
	if a == nil {
		a = &Account{Name: name, Status: Normal}
	}
	j := judgement{state: s, policy: s.policy, t: t, account: a}
	j.level, j.lent, j.strange = s.levelOf(a, t)
	j.tier = j.tierOf()
	j.met = j.unfamiliar() && a.Sources.met(sourceOf(t))
	anybody, all := a.Sources.cold(), s.addressees(a, t)
	for _, r := range all {
		h := s.site.Secret.hash(r)
		switch {
		case a.knows(h, r):
			j.known++
			if anybody || a.vouchedFor(h, r) {
				j.people |= 1 << (h & 7)
			}
		case s.policy.colleague(r):
			j.staff++
		case slices.Contains(a.Writers, writer(h>>32)):
			j.wrote++
		}
	}
	j.new = len(all) + t.MoreRecipients - j.known - j.staff
	return j
}

// learning reports whether the site is new: nothing is familiar yet, and what its people do is what is usual.
func (s *State) learning(now Time) bool {
	return s.site.First == 0 || now.Sub(s.site.First) < learningFor
}

// levelOf says how familiar t's source is to a, whether that is lent by what can be copied, and whether it is strange: not
// a familiar network by what the account itself did. The operator's own networks are as good as a familiar network. To a
// newcomer the site's familiar sources at home are his; to others they are one level less. In a familiar country the
// account's own program lends one level more. A login over loopback comes from a webmail host or a proxy on this machine:
// everybody's address.
func (s *State) levelOf(a *Account, t *Transaction) (level Level, lent, strange bool) {
	if hosted(a.Name) {
		return LevelAddress, false, false
	}
	from, webmail := sourceOf(t), sharedSource(s.policy, t.Client)
	own := a.Sources.level(from, webmail)
	if webmail {
		return own, false, !a.Sources.Networks.familiar(from.Network)
	}
	if s.policy.IsOwn(t.Client) || t.Client.IsPrivate() { // in the site's own house, at whatever desk
		own = max(own, LevelNetwork)
	}
	level = own
	colleagues := s.familiar.level(from)
	switch {
	case s.welcomes(a, t):
		level = max(level, colleagues)
	case colleagues > LevelNew:
		level = max(level, colleagues-1) // they earned trust there, he did not
	}
	copied := a.Sources.Countries.familiar(t.Country) && a.Sources.Program(t.Mailer)
	if level == LevelCountry && copied || level <= LevelCountry && s.begins(a, t.At) {
		return LevelNetwork, true, true
	}
	return level, false, own < LevelNetwork && colleagues < LevelAddress && !a.Sources.reads(from, readLong)
}

// welcomes reports whether a newcomer writes from where the site is at home, and where he himself began.
func (s *State) welcomes(a *Account, t *Transaction) bool {
	used := a.Sources.Countries
	return a.newcomer(t.At) && s.familiar.home(t.Country) && (len(used) == 0 || used[0].What == t.Country)
}

// answers reports whether the mail goes to one person alone, who wrote to the account lately.
func (j *judgement) answers() bool { return j.wrote == 1 && j.t.RecipientCount() == 1 }

// begins reports whether the account is only being watched on a new site: where it writes from is where it is at home, as
// far as anybody knows yet.
func (s *State) begins(a *Account, now Time) bool {
	return !s.policy.Enforces(Budgets) && s.learning(now) && a.Sources.cold()
}

func sharedSource(p *Policy, client netip.Addr) bool {
	return client.Unmap().IsLoopback() || p.IsWebmail(client)
}

// enforced reports whether an objection for this reason is carried out.
func (j *judgement) enforced(r Reason) bool {
	return j.policy.Enforces(r.Subject())
}

func (j *judgement) verdict(a Action, r Reason) Verdict {
	return Verdict{
		Action: a, Reason: r, Account: j.account.Name, Level: j.level, Lent: j.lent, Strange: j.strange, Budget: j.tier, New: j.new, Wrote: j.wrote, Staff: j.staff, Known: j.known, People: j.people,
		Incident: j.state.open[j.account.Name],
	}
}

func (j *judgement) object(o objection) Verdict {
	v := j.verdict(o.action, o.reason)
	v.Why, v.About, v.Evidence, v.Cool = o.why, o.about, o.evidence, o.cool
	if o.cool {
		v.ReleaseAt = j.t.At.Add(j.policy.Cooling.Time)
	}
	return v
}

// Hard rules, before anything is counted.

// notListed: the account is not on the list of those who may send. A list on which nobody ever was is not enforced.
func (j *judgement) notListed() (objection, bool) {
	a := j.account
	denied := a.Listing != nil && a.Listing.Denied // this is enforced even if nobody is on the list
	if !denied && (a.listed() || j.state.site.Listed == 0 && !j.state.site.Begun || a.undeclared()) {
		return objection{}, false
	}
	return objection{action: Reject, reason: ReasonNotListed, about: j.t.ReversePath,
		why: fmt.Sprintf("%s is not on the list of accounts that may send", a.Name)}, true
}

// contained: the account was stopped. From where its owner usually writes, his outbox keeps the mail.
func (j *judgement) contained() (objection, bool) {
	if j.account.Status != Contained {
		return objection{}, false
	}
	o := objection{action: Reject, reason: ReasonContained,
		why: fmt.Sprintf("sending from %s %s stopped, incident %d", j.account.Name, j.happened("was"), j.state.open[j.account.Name])}
	if j.level == LevelAddress {
		o.action = Tempfail
	}
	return o, true
}

// What holds.

func (j *judgement) tooMuchHeld() (objection, bool) {
	waiting, whose := j.account.Waiting, j.account.Name
	if j.account.machine() { // they have one total, as they have one budget
		waiting, whose = j.state.machines, "machines without a login"
	}
	if waiting < maxHeldAnAccount {
		return objection{}, false
	}
	return objection{action: Tempfail, reason: ReasonTooMuchHeld, why: fmt.Sprintf("%d mails of %s are held already", waiting, whose)}, true
}

// suspicious: two mails were held; what is unusual waits for a person too.
func (j *judgement) suspicious() (objection, bool) {
	if j.account.Status != Suspicious || j.account.undeclared() || j.new+j.staff == 0 && j.level > LevelCountry {
		return objection{}, false
	}
	return objection{action: Hold, reason: ReasonSuspicious, evidence: j.evidence(),
		why: fmt.Sprintf("other mail of %s %s held (incident %d); %s", j.account.Name, j.happened("is"), j.state.open[j.account.Name], j.facts())}, true
}

// happened is a word for what an incident did, or in shadow mode would have done.
func (j *judgement) happened(word string) string {
	if i := j.state.OpenIncident(j.account.Name); i != nil && i.Shadow {
		return "would be"
	}
	return word
}

// overScore is lock 3: no single fact suffices, and together they do. Mail to known people from a familiar
// address is the owner's, whatever somebody else did with his account.
func (j *judgement) overScore() (objection, bool) {
	if j.new+j.staff == 0 && j.level == LevelAddress || j.declared() || j.account.undeclared() {
		return objection{}, false
	}
	score := j.score()
	if score < j.policy.Score.Hold {
		return objection{}, false
	}
	return objection{action: Hold, reason: ReasonScore, evidence: j.evidence(),
		why: fmt.Sprintf("%s; score %s of %s", j.facts(), score, j.policy.Score.Hold)}, true
}

// unusual is lock 2: what is within the budget but unusual waits a little, in case more comes. A first day at work
// is not unusual: an account that was never used may begin in a network that the site knows.
func (j *judgement) unusual() (objection, bool) {
	if j.declared() || j.account.undeclared() {
		return objection{}, false
	}
	if j.repeats() > textRepeats || (j.new > 0 || j.unfamiliar()) && j.sendsOn() {
		return j.cool()
	}
	dormant := j.account.dormant(j.policy, j.t.At) && (j.account.Last != 0 || j.level <= LevelCountry)
	first := j.account.newcomer(j.t.At) && j.level >= LevelNetwork
	if j.new+j.staff == 0 || j.answers() || first || (j.level > LevelCountry || j.met) && !dormant {
		return objection{}, false
	}
	return j.cool()
}

func (j *judgement) cool() (objection, bool) {
	return objection{action: Hold, reason: ReasonCooling, cool: true, evidence: j.evidence(),
		why: fmt.Sprintf("%s; waits %d s", j.facts(), int(j.policy.Cooling.Time.Seconds()))}, true
}

// repeats returns how many recipients the same text went to, with this message, if it goes to them one by one; else 0.
func (j *judgement) repeats() int {
	n := j.sameRecipients()
	if j.t.Fingerprint == 0 || n == 0 || n > 2 {
		return 0
	}
	return int(j.account.Suspicion.text(j.t.Fingerprint, j.t.At).Recipients) + n
}

// declared reports whether the account was declared to write to many, and writes from where it usually does.
func (j *judgement) declared() bool {
	return j.account.declared() && j.level >= LevelNetwork && !j.lent
}

// unfamiliar reports whether nobody of the site writes from there: only the country is known, whatever program it is.
func (j *judgement) unfamiliar() bool { return j.level <= LevelCountry || j.lent }

// evidence returns the families that speak against the mail, whatever rule asks.
func (j *judgement) evidence() Families {
	var f Families
	if j.unfamiliar() {
		f |= FamilySource
	}
	if j.account.dormant(j.policy, j.t.At) {
		f |= FamilyAccount
	}
	if j.new > 0 && j.asked() > askedTimes*j.here().day {
		f |= FamilyRecipients
	}
	many := textMany
	if j.level <= LevelCountry {
		many = textFew
	}
	if j.new > 0 && j.t.Fingerprint != 0 { // one message to many says nothing: the second with its text does
		if before := int(j.account.Suspicion.text(j.t.Fingerprint, j.t.At).New); before > 0 && before+j.new > many {
			f |= FamilyContent
		}
	}
	if j.account.Suspicion.refused(j.t.At, j.unfamiliar()) {
		f |= FamilyDelivery
	}
	return f
}

// facts says in words what is unusual.
func (j *judgement) facts() string {
	said := fmt.Sprintf("%s; %s", j.sourceFact(), Count(j.new, "never-seen recipient"))
	if n := j.repeats(); n > textRepeats {
		said += fmt.Sprintf("; same text to %d", n)
	}
	if n := j.otherNetworks(); n > 0 && j.level <= LevelCountry {
		said += fmt.Sprintf("; %s in 6 h", Count(n, "other unfamiliar network"))
	}
	if s := &j.account.Suspicion; s.refused(j.t.At, j.unfamiliar()) {
		bounced, all := s.answers(j.t.At, j.unfamiliar())
		said += fmt.Sprintf("; %d of %d were refused by their servers", bounced, all)
	}
	return said
}

// NewAddress is no client's: it stands for one that nobody knows, when it is asked what would become of a mail.
var NewAddress = netip.IPv4Unspecified()

func (j *judgement) sourceFact() string {
	t, a := j.t, j.account
	where := "mail injected on this host"
	switch {
	case t.Client == NewAddress:
		where = "a new address (none is known)"
	case t.Client.IsValid():
		where = t.Client.String()
	}
	if t.ASN != 0 {
		where += " (" + asnText(t.ASN) + " in " + t.Country + ")"
	}
	used := a.Sources.Networks.find(Network(t.Client))
	switch {
	case a.Last == 0:
		return where + ": " + a.Name + " has never sent before"
	case a.dormant(j.policy, t.At):
		return fmt.Sprintf("%s: first mail of %s for %d days", where, a.Name, int(t.At.Sub(a.Last).Hours()/24))
	case j.level == LevelNew && used != nil:
		return where + ", not familiar yet after " + Count(int(used.Messages), "mail") + " of " + a.Name
	case j.level == LevelNew:
		return where + " never used by " + a.Name
	case j.strange && j.level >= LevelNetwork && !j.lent:
		return where + ", where colleagues of " + a.Name + " write from"
	case j.lent && a.Sources.Program(t.Mailer):
		return where + ", familiar country and mail program of " + a.Name
	case j.lent:
		return where + ", where " + a.Name + " begins"
	}
	return where + ", " + j.level.String() + " of " + a.Name
}

// Count says a number of things in words: "1 mail", "2 mails", "2 copies".
func Count(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "y") && !strings.ContainsAny(what[max(len(what)-2, 0):len(what)-1], "aeou"):
		what = what[:len(what)-1] + "ie"
	}
	return fmt.Sprintf("%d %ss", n, what)
}
