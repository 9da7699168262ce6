package guard

// Proof is what was found out about who wrote a mail from outside, and what the operator's policy makes of it. Whoever
// looked knows SPF, DKIM, DMARC and ARC; here only this counts.
type Proof struct {
	Action Action `json:"action,omitempty"` // Reject, if the policy wants that
	Why    string `json:"why,omitempty"`    // why: facts, in one line
	AsUs   bool   `json:"as_us,omitempty"`  // it names an author of this site, and nothing shows that he wrote it
}

// stranger judges mail that no account sends, by what is proved of its author.
func stranger(s *State, t *Transaction) Verdict {
	v := Verdict{Action: Accept, Reason: ReasonInbound}
	if t.Stage != StageEnd || t.Proof == nil || t.Proof.Action != Reject {
		return v
	}
	v.Reason, v.Why = ReasonUnproven, t.Proof.Why
	if t.Proof.AsUs {
		v.Reason = ReasonAsUs
	}
	if s.policy.Enforces(v.Reason.Subject()) {
		v.Action = Reject
	} else {
		v.Would = Reject
	}
	return v
}
