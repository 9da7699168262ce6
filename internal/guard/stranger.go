package guard

import "fmt"

// Proof is what was found out about who wrote a mail from outside, and what the operator's policy makes of it. Whoever
// looked knows SPF, DKIM, DMARC and ARC; here only this counts.
type Proof struct {
	Action Action `json:"action,omitempty"` // Reject or Hold, if the policy wants that
	Why    string `json:"why,omitempty"`    // why: facts, in one line
	AsUs   bool   `json:"as_us,omitempty"`  // it names an author of this site, and nothing shows that he wrote it
}

// maxHeldOutside bounds how much mail from outside is held: anybody may send more. What comes then is delivered, marked.
const maxHeldOutside = 500

// stranger judges mail that no account sends, by what is proved of its author.
func stranger(s *State, t *Transaction) Verdict {
	v := Verdict{Action: Accept, Reason: ReasonInbound}
	if t.Stage != StageEnd || t.Proof == nil || t.Proof.Action != Reject && t.Proof.Action != Hold {
		return v
	}
	v.Reason, v.Why = ReasonUnproven, t.Proof.Why
	if t.Proof.AsUs {
		v.Reason = ReasonAsUs
	}
	switch {
	case !s.policy.Enforces(v.Reason.Subject()):
		v.Would = t.Proof.Action
	case t.Proof.Action == Hold && s.outside >= maxHeldOutside:
		v.Would = Hold
		v.Why = fmt.Sprintf("%s; not held, for %d mails from outside are", v.Why, s.outside)
	default:
		v.Action = t.Proof.Action
	}
	return v
}

// heldOutside follows a mail from outside that waits for a person. It has no account: there is nobody to learn about, and no incident.
func (s *State) heldOutside(t *Transaction, v *Verdict) {
	if v.Action != Hold {
		return
	}
	m := mailOf(t, v)
	m.Status, m.Envelope = MailHeld, s.site.Secret.envelope(t)
	s.follow(m, t.At)
	s.outside++
}

// fromOutside reports whether no account of the site sent a mail.
func (m *Mail) fromOutside() bool { return m.Account == "" }
