package mailauth

import (
	"errors"
	"fmt"

	"postward/internal/domain/dmarc"
	"postward/internal/domain/spf"
	"postward/internal/mail/message"
)

// Disposition is what is to be done with a mail, the mildest first.
type Disposition uint8

// The dispositions. Mark is for the junk folder: the mail is delivered with a field that says so.
const (
	Accept Disposition = iota
	Mark
	Hold
	Reject
)

var dispositions = [...]string{"accept", "mark", "hold", "reject"}

// String is the disposition as the configuration has it.
func (d Disposition) String() string {
	if int(d) < len(dispositions) {
		return dispositions[d]
	}
	return fmt.Sprintf("disposition %d", uint8(d))
}

// MarshalText is String.
func (d Disposition) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what String writes.
func (d *Disposition) UnmarshalText(text []byte) error {
	for i, word := range dispositions {
		if string(text) == word {
			*d = Disposition(i)
			return nil
		}
	}
	return fmt.Errorf("read a disposition: %q is none; write accept, mark, hold or reject", message.Clean(string(text)))
}

// Policy is what is done about each result. The package's doc says what each default is for.
type Policy struct {
	Direct     Disposition // DMARC fails, p=reject, and nothing says that anybody handed the mail on
	Indirect   Disposition // the same, and something does; at most Hold
	Quarantine Disposition // DMARC fails, p=quarantine
	Undecided  Disposition // DMARC is temperror, and the policy that is known is one of these
	Doubtful   Disposition // the authors are not sure, and one asks for something; at most Hold
	AsUs       Disposition // an Author Domain is ours, and nothing vouches for it
	SPFFail    Disposition // SPF of the reverse-path fails (-all), and DMARC does not pass
}

// Default marks, and rejects what no list and no forwarder can have touched.
func Default() Policy {
	return Policy{Direct: Reject, Indirect: Mark, Quarantine: Mark, Undecided: Mark, Doubtful: Mark, AsUs: Mark}
}

// Check is an error when the policy cannot be kept to.
func (p *Policy) Check() error {
	if p.Indirect == Reject || p.Doubtful == Reject {
		return errors.New("check the policy for mail from outside: RFC 9989 section 7.4 forbids to reject, for p=reject alone, " +
			"mail that a list may have handed on, or whose author is not sure; write hold or mark")
	}
	return nil
}

// Why is the rule that decided. The set is closed.
type Why string

// The rules.
const (
	WhyDirect     Why = "its author's domain asks to reject it (DMARC), and nobody handed it on"
	WhyIndirect   Why = "its author's domain asks to reject it; somebody may have handed it on"
	WhyQuarantine Why = "its author's domain asks to be careful with it"
	WhyUndecided  Why = "its author's domain has a policy, and whether it is met could not be found out"
	WhyDoubtful   Why = "who its author is can be read in several ways"
	WhyAsUs       Why = "it is written in the name of a domain of ours"
	WhyFlooded    Why = "it bears more forged Authentication-Results fields than anybody honest writes"
	WhyCut        Why = "it has more header fields than anybody honest writes"
	WhySPF        Why = "the domain of its reverse-path says that this client does not send for it"
)

// conclude decides what is to be done, and what is written about it.
func (m *Mail) conclude(r *Result) {
	p := m.checker.Policy
	if p == nil {
		d := Default()
		p = &d
	}
	r.AsUs, r.perhaps = m.asUs(r)
	r.Signs = m.signs(r)
	r.Handed, r.Survived = m.handed(r), r.survived()
	p.author(r)
	if r.MailFrom.Result == spf.Fail && r.DMARC.Result != dmarc.Pass {
		r.rule(p.SPFFail, WhySPF)
	}
	if r.Panic != "" {
		r.Disposition = min(r.Disposition, Mark) // what was not found out may have let it pass
	}
	if r.Why != "" {
		if r.Overridden, r.By = m.override(r); r.Overridden != "" {
			r.Disposition = Accept
		}
	}
	if m.checker.Service != nil {
		r.Remove = m.forged()
	}
	m.refuse(r)
	if m.checker.Service != nil {
		r.Add = m.checker.Service.Value(m.results(r)...)
	}
}

// refuse rejects what cannot be freed of what is forged, whatever was found out about its author.
func (m *Mail) refuse(r *Result) {
	r.Flooded, r.Cut = len(r.Remove) > MaxForged, m.cut
	switch {
	case r.Cut:
		r.Why = WhyCut
	case r.Flooded:
		r.Why = WhyFlooded
	default:
		return
	}
	r.Disposition, r.Remove, r.Overridden, r.By = Reject, nil, "", ""
}

// rule lets a rule decide when it is stricter than those before it. One that accepts says nothing.
func (r *Result) rule(d Disposition, why Why) {
	if d > r.Disposition {
		r.Disposition, r.Why = d, why
	}
}

// author applies the rules about the author.
func (p *Policy) author(r *Result) {
	v, doubt := &r.DMARC, r.doubtful()
	switch {
	case doubt && (v.Asked != dmarc.None || v.Incomplete || r.Unread || r.Reading == message.SeveralFields || r.known() != dmarc.None):
		r.rule(min(p.Doubtful, Hold), WhyDoubtful)
	case v.Result == dmarc.Fail && v.Asked == dmarc.Reject && len(r.Signs) == 0:
		r.rule(p.Direct, WhyDirect)
	case v.Result == dmarc.Fail && v.Asked == dmarc.Reject:
		r.rule(min(p.Indirect, Hold), WhyIndirect)
	case v.Result == dmarc.Fail && v.Asked == dmarc.Quarantine:
		r.rule(p.Quarantine, WhyQuarantine)
	}
	if !doubt && r.known() != dmarc.None {
		r.rule(p.Undecided, WhyUndecided)
	}
	switch {
	case r.AsUs && r.perhaps:
		r.rule(min(p.AsUs, Mark), WhyAsUs)
	case r.AsUs:
		r.rule(p.AsUs, WhyAsUs)
	}
}

// doubtful reports whether readers could take another for the author than was looked at.
func (r *Result) doubtful() bool {
	return r.DMARC.Incomplete || r.Unread || r.Reading == message.SeveralFields || r.Reading == message.CannotTell
}

// known is the strictest policy of the authors of whom it is not known whether they meet it.
func (r *Result) known() dmarc.Policy {
	strictest := dmarc.None
	for _, a := range r.DMARC.Authors {
		if a.Result != dmarc.Pass && a.Result != dmarc.Fail && a.Policy.Strength() > strictest.Strength() {
			strictest = a.Policy
		}
	}
	return strictest
}

// asUs reports whether an Author Domain is ours and nothing vouches for it; perhaps: for each of these something may, which
// could not be asked for.
func (m *Mail) asUs(r *Result) (as, perhaps bool) {
	perhaps = true
	for _, author := range r.Authors {
		if !m.is(m.checker.Ours, author) {
			continue
		}
		passed, asks := r.verdict(author)
		if may := m.vouched(r, author, TempError); !passed && !m.vouched(r, author, Pass) && (asks || !may) {
			as, perhaps = true, perhaps && may
		}
	}
	return as, as && perhaps
}

// verdict is what DMARC says of an author: whether he passes, and whether his domain's record asks for anything.
func (r *Result) verdict(author string) (passed, asks bool) {
	for _, a := range r.DMARC.Authors {
		if a.Domain == author {
			return a.Result == dmarc.Pass, a.Policy.Strength() > 0
		}
	}
	return false, false
}

// vouched reports whether a look-up for the same domain, or for one of ours above or below it, ended so. TempError is one that did
// not end: a stranger can bring that about.
func (m *Mail) vouched(r *Result, author string, word Word) bool {
	d := r.identifiers()
	for _, id := range append(d.DKIM, d.MailFrom) {
		if id.Result == string(word) && akin(id.Domain, author) && (id.Domain == author || m.is(m.checker.Ours, id.Domain)) {
			return true
		}
	}
	return false
}

// is asks one of the checker's questions.
func (m *Mail) is(whose func(string) bool, domain string) bool {
	return whose != nil && domain != "" && whose(domain)
}
