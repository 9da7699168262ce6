package guard

import (
	"fmt"
	"slices"
	"strings"
)

// As whom an account writes: its reverse-path, and what stands in From.

// foreignReversePath: the reverse-path must belong to the account.
func (j *judgement) foreignReversePath() (objection, bool) {
	if j.account.undeclared() || j.state.mayUse(j.account, j.t.ReversePath) {
		return objection{}, false
	}
	return objection{action: Reject, reason: ReasonReversePath, about: j.t.ReversePath,
		why: fmt.Sprintf("reverse-path %s does not belong to %s", j.t.ReversePath, j.account.Name)}, true
}

// foreignAuthor: every author must belong to the account. Where none stands in From, or what could be nobody's address, the
// reverse-path is the author, which was asked before. Who redirects a mail (RFC 5322 section 3.6.6) leaves its author in From,
// and is himself in Resent-From: that is no forgery, and the mail counts as any of his. But where the author is of this site
// a person looks at it: a colleague's word is what thieves like best.
func (j *judgement) foreignAuthor() (objection, bool) {
	if j.account.undeclared() {
		return objection{}, false
	}
	if j.t.NoAuthor && (!j.t.Anonymous || j.t.ReversePath == "" && j.t.Direction != Local) {
		return objection{action: Reject, reason: ReasonAuthor, why: "the message names no author that can be read"}, true
	}
	author, of := j.foreign()
	switch {
	case author == "" || j.redirects() && !of:
		return objection{}, false
	case j.redirects():
		return objection{action: Hold, reason: ReasonAuthor, about: author, evidence: j.evidence(),
			why: fmt.Sprintf("%s redirects a mail of %s, who is of this site", j.account.Name, author)}, true
	}
	return objection{action: Reject, reason: ReasonAuthor, about: author,
		why: fmt.Sprintf("author %s does not belong to %s", author, j.account.Name)}, true
}

// foreign returns an author who is not the account, one of the site's own domains first; empty: there is none.
func (j *judgement) foreign() (author string, ofSite bool) {
	for _, a := range j.t.Authors {
		switch {
		case j.state.mayUse(j.account, a) || j.policy.isNobodys(a) || j.isNoticeOf(a):
		case j.policy.colleague(a):
			return a, true
		case author == "":
			author = a
		}
	}
	return author, false
}

// isNoticeOf reports whether the mail is a notice (RFC 5321 section 4.5.5) of the mail system at author, which is a host as
// whose users the account writes: a second server that sends everything through one login bounces through it too. Such a host
// is named below a domain of this site, or the account may write as anybody there; at a domain where it only has an address
// others have theirs. Of the site's own domains the notices are Postfix's.
func (j *judgement) isNoticeOf(author string) bool {
	local, domain, _ := cutAddress(author)
	if j.t.ReversePath != "" || local != "mailer-daemon" && local != "postmaster" || j.account.Listing == nil || j.policy.localDomain(domain) {
		return false
	}
	below := slices.ContainsFunc(j.policy.Domains, func(own string) bool { return strings.HasSuffix(domain, "."+own) })
	return slices.ContainsFunc(j.account.Listing.Addresses, func(pattern string) bool {
		name, of, found := cutAddress(pattern)
		return found && of == domain && (below || name == "*")
	})
}

// redirects reports whether the account itself sends on a mail of somebody else.
func (j *judgement) redirects() bool {
	own := func(a string) bool { return j.state.mayUse(j.account, a) }
	return len(j.t.Resent) > 0 && j.t.ReversePath != "" && own(j.t.ReversePath) && !slices.ContainsFunc(j.t.Resent, func(a string) bool { return a == "" || !own(a) })
}

// sendsOn reports whether the account redirects a mail of somebody who is not of this site.
func (j *judgement) sendsOn() bool {
	if len(j.t.Resent) == 0 {
		return false
	}
	author, _ := j.foreign()
	return author != "" && j.redirects()
}

// isNobodys reports whether an address is nobody's, wherever it is read: "mail@office" in the name of a scanner.
func (p *Policy) isNobodys(address string) bool {
	_, domain, found := cutAddress(address)
	return found && !strings.ContainsAny(domain, ".[") && !p.localDomain(domain)
}

// NotAs is as whom an account wrote, and may not: its mail was refused, or in shadow mode would have been.
type NotAs struct {
	Reason  Reason `json:"reason"`
	Address string `json:"address,omitempty"` // the reverse-path or the author; empty: none
	Times   int    `json:"times"`             // mails
	First   Time   `json:"first"`
	Last    Time   `json:"last"`
	Passed  bool   `json:"passed,omitempty"` // the last one passed, for its subject was in shadow
}

const (
	maxNotAs = 16                        // of one account
	notAsFor = 30 * 24 * 60 * 60 * 1_000 // milliseconds after the last one
)

// noteNotAs notes as whom an account may not write. The one that was seen the longest ago goes where there is no room.
func (a *Account) noteNotAs(v *Verdict, now Time, times int, passed bool) {
	reason := v.Reason
	if v.Waits {
		reason = v.WouldBy
	}
	if reason.Subject() != Senders && reason != ReasonNotListed {
		return
	}
	a.NotAs = slices.DeleteFunc(a.NotAs, func(n NotAs) bool { return now-n.Last > notAsFor })
	i := slices.IndexFunc(a.NotAs, func(n NotAs) bool { return n.Reason == reason && n.Address == v.About })
	if i < 0 {
		if len(a.NotAs) >= maxNotAs {
			oldest := slices.MinFunc(a.NotAs, func(x, y NotAs) int { return int(x.Last - y.Last) })
			a.NotAs = slices.DeleteFunc(a.NotAs, func(n NotAs) bool { return n == oldest })
		}
		a.NotAs = append(a.NotAs, NotAs{Reason: reason, Address: v.About, First: now})
		i = len(a.NotAs) - 1
	}
	n := &a.NotAs[i]
	n.Times, n.Last, n.Passed = n.Times+times, now, passed
}

// NotAs returns as whom an account wrote lately and still may not.
func (s *State) NotAs(a *Account, now Time) []NotAs {
	var still []NotAs
	for _, n := range a.NotAs {
		allowed := n.Reason == ReasonNotListed && a.listed() || n.Reason != ReasonNotListed && n.Address != "" && s.mayUse(a, n.Address)
		if !allowed && now-n.Last <= notAsFor {
			still = append(still, n)
		}
	}
	return still
}
