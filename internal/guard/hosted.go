package guard

import (
	"slices"
	"strconv"
	"strings"
)

// Accounts without a login: what the host itself and its own networks send. They have one source, themselves, and a
// budget of their own until an operator declares them: what a cron job, a printer and a contact form need. A web shell
// is the second most usual way to lose a server.

// Prefixes of accounts that have no login: a user of this host, and a network of the operator's own.
const (
	LocalPrefix = "local:"
	NetPrefix   = "net:"
)

// UserNumber names a Unix user who has no name on this host, wherever he is met: in a log line, or by the kernel.
func UserNumber(uid uint64) string { return "uid" + strconv.FormatUint(uid, 10) }

// Unknown is the account of mail injected on the host by nobody knows whom.
const Unknown = LocalPrefix + "unknown"

// AccountOf returns the name of the account that t counts for; empty for mail from strangers, at whatever port: where AUTH
// is offered on port 25, other servers come to it too, and what they may send where is Postfix's to say. A connection over
// loopback is the Unix user's whose socket it is, as sendmail(1) is the one's who calls it.
func AccountOf(p *Policy, t *Transaction) string {
	switch {
	case hosted(t.Login):
		return "login " + t.Login // somebody gave a login the name of a hosted account
	case t.Login != "":
		return strings.ToLower(t.Login)
	case t.UnixUser != "":
		return LocalPrefix + strings.ToLower(t.UnixUser)
	case t.Direction == Local || t.Client.Unmap().IsLoopback():
		return Unknown
	case p.IsOwn(t.Client):
		return NetPrefix + Network(t.Client).String()
	}
	return ""
}

// Nameless is the account of all Unix users together who have no name on this host and whom nobody declared: who may make
// a user namespace has 65,536 of them.
const Nameless = LocalPrefix + "uid"

// nameless reports whether an account is a Unix user's without a name: see UserNumber.
func nameless(account string) bool {
	number, ok := strings.CutPrefix(account, Nameless)
	_, err := strconv.ParseUint(number, 10, 64)
	return ok && err == nil
}

// AccountOf is the account that a mail counts for: the function of that name, but for undeclared users without a name, and for mail over loopback where an operator declared
// loopback itself: as he said it.
func (s *State) AccountOf(t *Transaction) string {
	name := AccountOf(s.policy, t)
	if nameless(name) && (s.accounts[name] == nil || s.accounts[name].Listing == nil) {
		name = Nameless
	}
	if t.Login != "" || !t.Client.Unmap().IsLoopback() || !strings.HasPrefix(name, LocalPrefix) {
		return name
	}
	if own := s.accounts[name]; own != nil && own.Listing != nil {
		return name
	}
	loopback := NetPrefix + Network(t.Client).String()
	if a := s.accounts[loopback]; a != nil && a.Listing != nil {
		return loopback
	}
	return name
}

// hosted reports whether an account needs no login.
func hosted(name string) bool {
	return strings.HasPrefix(name, LocalPrefix) || strings.HasPrefix(name, NetPrefix)
}

// undeclared reports whether a is a hosted account of which no operator said anything: it writes as whom it likes, to so
// many as Budget.Undeclared says.
func (a *Account) undeclared() bool { return hosted(a.Name) && a.Listing == nil }

// relays reports whether a is a hosted account that an operator lets write as anybody.
func (a *Account) relays() bool {
	return hosted(a.Name) && a.Listing != nil && slices.Contains(a.Listing.Addresses, "*")
}

// machine reports whether a is a machine of the operator's own networks that nobody declared.
func (a *Account) machine() bool { return a.undeclared() && strings.HasPrefix(a.Name, NetPrefix) }

// addressees returns whom a mail of an account makes this server write to: its recipients and, where an undeclared account
// names somebody elsewhere as the reverse-path, him: a notice goes there, with the whole mail in it, and passes no milter.
func (s *State) addressees(a *Account, t *Transaction) []string {
	if !a.undeclared() || t.ReversePath == "" || s.policy.colleague(t.ReversePath) || slices.Contains(t.Recipients, t.ReversePath) {
		return t.Recipients
	}
	return append(slices.Clip(t.Recipients), t.ReversePath)
}

// unknownSpent returns what an undeclared account is charged beside its own. For a local one: whose mail the unknown one's is
// cannot be said, so each is charged with it, and it with the most of theirs.
func (s *State) unknownSpent(a *Account, now Time) int {
	if strings.HasPrefix(a.Name, NetPrefix) { // one machine may have all the addresses of a network: they have one total
		return s.site.Undeclared.sum(now) - s.ownSpent(a.Name, now)
	}
	if a.Name != Unknown {
		return s.ownSpent(Unknown, now)
	}
	most := 0
	for name := range s.locals {
		if name != Unknown {
			most = max(most, s.ownSpent(name, now))
		}
	}
	return most
}

func (s *State) ownSpent(name string, now Time) int {
	a := s.accounts[name]
	if a == nil || !a.undeclared() {
		return 0
	}
	return a.Spent.New[TierOwn.at()].sum(now)
}

// unknownInjector: mail of which nobody knows who injected it is judged as the strictest local account's, and its sender
// keeps it: when it comes again the log may say whose it is.
func (j *judgement) unknownInjector() (objection, bool) {
	if j.account.Name != Unknown || j.account.Listing != nil {
		return objection{}, false
	}
	if stopped := j.state.stoppedLocal(); stopped != "" {
		return objection{action: Tempfail, reason: ReasonNotListed, why: "who injected this mail is not known, and " + stopped + " may not send"}, true
	}
	if bound := j.boundLocal(); bound != "" {
		return objection{action: Tempfail, reason: ReasonAuthor, why: "who injected this mail is not known, and " + bound + " may not send as whom it says"}, true
	}
	return objection{}, false
}

// boundLocal returns the first local account, by name, that was declared and may not use the mail's reverse-path or one of its
// authors; empty if there is none.
func (j *judgement) boundLocal() string {
	first := ""
	for name := range j.state.locals {
		a := j.state.accounts[name]
		foreign := func(address string) bool { return !j.state.mayUse(a, address) }
		if a.listed() && (foreign(j.t.ReversePath) || slices.ContainsFunc(j.t.Authors, foreign)) && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

// stoppedLocal returns the first local account, by name, that may not send; empty if there is none.
func (s *State) stoppedLocal() string {
	first := ""
	for name := range s.locals {
		a := s.accounts[name]
		stopped := a.Status == Contained && s.policy.Enforces(Containment) || a.Listing != nil && a.Listing.Denied
		if stopped && (first == "" || name < first) {
			first = name
		}
	}
	return first
}
