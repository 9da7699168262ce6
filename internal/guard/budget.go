package guard

import "fmt"

// Lock 1 is the proof: it bounds how many strangers an account reaches even when everything else is wrong. Each tier has
// a number for a rolling day and one for ten days, and what a worse tier spends is spent from the better ones too: there
// is one total, in whatever order the sources come, and a thief who waits gains nothing.

// Tier is which budget of never-seen recipients a mail spends.
type Tier uint8

const (
	TierForeign Tier = iota + 1 // nothing is known of the source, or its country alone
	TierCopied                  // what a thief can copy, rent or share: country and program, the provider, the site's webmail
	TierOwn                     // the account's own address, or its network and program
)

// or returns t or, for a verdict of the first release, which budget it spent.
func (t Tier) or(l Level) Tier {
	if t != 0 {
		return t
	}
	return Tier(max(int(l)-1, 0)) + TierForeign
}

// at is the tier's place in the account's windows.
func (t Tier) at() int { return int(t - TierForeign) }

// allowance is what may be spent of a tier: never-seen recipients a rolling day, and in ten.
type allowance struct{ day, ten int }

// tierOf returns the budget that this mail spends.
func (j *judgement) tierOf() Tier {
	colleagues := j.state.familiar.networks[Network(j.t.Client)] >= siteFamiliar
	newcomer := j.state.welcomes(j.account, j.t)
	switch {
	case j.level == LevelAddress || j.declared():
		return TierOwn
	case sharedSource(j.policy, j.t.Client):
		return TierCopied
	case j.level >= LevelNetwork && colleagues:
		return TierOwn // an address that many of his colleagues write from
	case j.level == LevelNetwork && !j.lent && !j.strange && j.account.Sources.Program(j.t.Mailer):
		return TierOwn // his network and program
	case newcomer && (j.policy.IsOwn(j.t.Client) || j.t.Client.IsPrivate()):
		return TierOwn // the site's own house
	case j.level >= LevelNetwork || j.level == LevelCountry && newcomer:
		return TierCopied
	}
	return TierForeign
}

// allowance returns what the account has of a tier.
func (j *judgement) allowance(t Tier) allowance {
	b, a := &j.policy.Budget, j.account
	switch {
	case t == TierForeign:
		return allowance{b.Unfamiliar, b.UnfamiliarTen}
	case t == TierCopied:
		return allowance{b.Network, b.NetworkTen}
	case a.undeclared():
		return allowance{b.Undeclared, 10 * b.Undeclared}
	}
	own := allowance{min(max(b.Familiar, 3*int(a.MaxDay)), b.FamiliarMax), max(b.FamiliarTen, 2*10*int(a.Usual[1])/256)}
	if granted := int(a.Granted); granted > own.day { // what an operator released once may be written again
		own = allowance{granted, max(own.ten, granted+b.FamiliarTen)}
	}
	if a.declared() {
		own = allowance{max(own.day, a.Listing.Budget), max(own.ten, 10*a.Listing.Budget)}
	}
	return own
}

// here returns the allowance for a mail from this source.
func (j *judgement) here() allowance {
	b, own, newcomer := &j.policy.Budget, j.allowance(j.tier), j.account.newcomer(j.t.At)
	switch {
	case j.tier != TierOwn || j.level == LevelAddress && !newcomer || j.declared():
		return own
	case newcomer:
		return allowance{max(b.Network, b.Newcomer), own.ten}
	}
	return allowance{b.NetworkAndProgram, own.ten}
}

// spent returns what the account spent of a tier, in the last day and in ten.
func (j *judgement) spent(t Tier) allowance {
	s := &j.account.Spent
	day, ten := s.New[t.at()].sum(j.t.At), s.Ten[t.at()].sum(j.t.At)
	if j.account.undeclared() {
		day += j.state.unknownSpent(j.account, j.t.At)
	}
	return allowance{day, ten}
}

// overBudget is lock 1 for one account: the mail must fit into what is left of its tier and of every better one.
func (j *judgement) overBudget() (objection, bool) {
	if j.new == 0 {
		return objection{}, false
	}
	has := j.here()
	for t := j.tier; t <= TierOwn; t++ {
		if t > j.tier {
			has = j.allowance(t)
		}
		spent := j.spent(t)
		if spent.day+j.new > has.day {
			return j.hold(ReasonBudget, fmt.Sprintf("%d of %d a day were used", spent.day, has.day)), true
		}
		if spent.ten+j.new > has.ten {
			return j.hold(ReasonBudget, fmt.Sprintf("%d of %d in ten days were used", spent.ten, has.ten)), true
		}
	}
	return objection{}, false
}

// overKnownBudget bounds mass mail to people the account knows, whom a thief finds in its Sent folder, from a
// source that it never used itself: different ones, today and yesterday, and in ten days. How often is the score's.
func (j *judgement) overKnownBudget() (objection, bool) {
	if j.known+j.staff == 0 || !j.strange {
		return objection{}, false
	}
	b, a := &j.policy.Budget, j.account
	for _, over := range [...]struct{ days, limit int }{{1, b.KnownFromUnfamiliar}, {10, b.KnownTen}} {
		spent := a.Known.countLately(j.t.At, over.days)
		if spent+j.knownAfresh(over.days) > over.limit {
			return j.hold(ReasonKnownBudget, fmt.Sprintf("%d known recipients, %d of %d in %s were used", j.known+j.staff, spent, over.limit, Count(over.days, "day"))), true
		}
	}
	return objection{}, false
}

// knownAfresh returns the known recipients that were not written to from a strange source today or in so many days before.
func (j *judgement) knownAfresh(days int) int {
	n := 0
	for _, r := range j.t.Recipients {
		if h := j.state.site.Secret.hash(r); (j.account.knows(h, r) || j.policy.colleague(r)) && !j.account.Known.lately(h, j.t.At, days) {
			n++
		}
	}
	return n
}

// overSiteBudget is lock 1 for all accounts together, from sources of which nothing is known.
func (j *judgement) overSiteBudget() (objection, bool) {
	spent, budget := j.state.site.Unfamiliar.sum(j.t.At), max(j.policy.Budget.Site, j.state.site.Listed/4)
	if j.tier != TierForeign || j.new == 0 || spent+j.new <= budget {
		return objection{}, false
	}
	return j.hold(ReasonSiteBudget, fmt.Sprintf("all accounts together used %d of %d a day from unfamiliar sources", spent, budget)), true
}

func (j *judgement) hold(r Reason, why string) objection {
	return objection{action: Hold, reason: r, evidence: j.evidence(), why: j.facts() + "; " + why}
}
