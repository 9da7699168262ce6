package guard

import "testing"

// TestMailOfStrangersIsRefusedOnlyWhenTheOperatorSaysSo: what was proved is told, what the policy makes of it holds at the end of
// the message, and in shadow mode it is only told.
func TestMailOfStrangersIsRefusedOnlyWhenTheOperatorSaysSo(t *testing.T) {
	refused := &Proof{Action: Reject, Why: "far.example disowns it"}
	asUs := &Proof{Action: Reject, Why: "it names anna@example.org", AsUs: true}
	for _, c := range []struct {
		name   string
		proof  *Proof
		mode   Mode
		stage  Stage
		want   Action
		would  Action
		reason Reason
	}{
		{"nobody looked", nil, Enforce, StageEnd, Accept, "", ReasonInbound},
		{"nothing against it", &Proof{Action: Accept, AsUs: true}, Enforce, StageEnd, Accept, "", ReasonInbound},
		{"disowned", refused, Enforce, StageEnd, Reject, "", ReasonUnproven},
		{"as us", asUs, Enforce, StageEnd, Reject, "", ReasonAsUs},
		{"in shadow", asUs, Shadow, StageEnd, Accept, Reject, ReasonAsUs},
		{"too early", refused, Enforce, StageMail, Accept, "", ReasonInbound},
	} {
		p := DefaultPolicy()
		p.Modes = map[Subject]Mode{Strangers: c.mode}
		s := New()
		Apply(s, &Event{Key: "policy", Kind: KindPolicy, Policy: p})
		v := Judge(s, &Transaction{Direction: Inbound, Stage: c.stage, Proof: c.proof, ReversePath: "a@far.example"})
		if v.Action != c.want || v.Would != c.would || v.Reason != c.reason || v.Account != "" {
			t.Errorf("%s: %+v", c.name, v)
		}
		if reply := v.Reply(); (reply.Code == 550) != (c.want == Reject) || c.want == Reject && reply.Text != c.proof.Why {
			t.Errorf("%s: %+v", c.name, reply)
		}
	}
}
