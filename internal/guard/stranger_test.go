package guard

import (
	"fmt"
	"net/netip"
	"testing"
)

// TestMailOfStrangersIsRefusedOnlyWhenTheOperatorSaysSo: what was proved is told, what the policy makes of it holds at the end of
// the message, and in shadow mode it is only told.
func TestMailOfStrangersIsRefusedOnlyWhenTheOperatorSaysSo(t *testing.T) {
	refused := &Proof{Action: Reject, Why: "far.example disowns it"}
	held := &Proof{Action: Hold, Why: "far.example disowns it"}
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
		{"to be held", held, Enforce, StageEnd, Hold, "", ReasonUnproven},
		{"to be held, in shadow", held, Shadow, StageEnd, Accept, Hold, ReasonUnproven},
		{"to be held, too early", held, Enforce, StageMail, Accept, "", ReasonInbound},
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

// fromFar is a mail from outside that waits for a person.
func (w *world) fromFar() *Transaction {
	w.mails++
	return &Transaction{
		ID: fmt.Sprintf("m%d", w.mails), Stage: StageEnd, At: w.now, MailAt: w.now, Direction: Inbound, QueueID: fmt.Sprintf("%X", 0xA000000+w.mails),
		Client: netip.MustParseAddr("203.0.113.9"), ASN: 64500, Country: "FR", ReversePath: "eve@far.example", Recipients: []string{"anna@example.org"},
		Proof: &Proof{Action: Hold, Why: "far.example disowns it"},
	}
}

// holdFar has one judged, and returns it as the State follows it.
func (w *world) holdFar() *Mail {
	w.t.Helper()
	t := w.fromFar()
	v := Judge(w.state, t)
	if v.Action != Hold || v.Account != "" {
		w.t.Fatalf("not held: %+v", v)
	}
	if due := w.apply(Event{Key: "judged:" + t.ID, Kind: KindJudged, Transaction: t, Verdict: &v}); len(due) > 0 {
		w.t.Fatalf("somebody is told, or acted upon: %+v", due)
	}
	return w.state.Mail(t.ID)
}

// TestHeldMailFromOutsideEndsByAPersonsWord: it waits, is released, deleted, brought back, and nobody becomes familiar by it: there is
// no account, and no incident.
func TestHeldMailFromOutsideEndsByAPersonsWord(t *testing.T) {
	w := newWorld(t)
	w.allow("anna", "anna@example.org")
	one, other, taken := w.holdFar(), w.holdFar(), w.holdFar()
	w.apply(Event{Key: "untaken:" + taken.ID, Kind: KindUntaken, Mail: taken.ID})
	if !one.Waiting() || w.state.Mail(taken.ID) != nil || w.state.outside != 2 {
		t.Fatalf("%+v, %d wait", one, w.state.outside)
	}
	if due := w.apply(Event{Key: "r", Kind: KindRelease, Mail: one.ID, Actor: "test"}); len(due) != 1 || due[0].Act != ActRelease || one.Status != MailReleasing {
		t.Fatalf("released: %+v, %s", due, one.Status)
	}
	w.apply(Event{Key: "o", Kind: KindOutcome, Effect: "release:" + one.ID, Outcome: Done})
	w.apply(Event{Key: "l", Kind: KindLeft, Mail: one.ID, Recipient: "anna@example.org"})
	w.apply(Event{Key: "x", Kind: KindRemoved, Mail: one.ID})
	deleted := other.Clone()
	if due := w.apply(Event{Key: "d", Kind: KindDelete, Mail: other.ID, Actor: "test"}); len(due) != 1 || due[0].Act != ActDelete {
		t.Fatalf("deleted: %+v", due)
	}
	w.apply(Event{Key: "od", Kind: KindOutcome, Effect: "delete:" + other.ID, Outcome: Done})
	if w.state.Mail(one.ID) != nil || w.state.Mail(other.ID) != nil || w.state.outside != 0 {
		t.Errorf("%d mails are followed, %d wait", len(w.state.Mails()), w.state.outside)
	}
	w.apply(Event{Key: "b", Kind: KindRestored, Mail: deleted.ID, QueueID: "B000001", Trashed: []*Mail{deleted}})
	if m := w.state.Queued("B000001"); m == nil || !m.Waiting() || w.state.outside != 1 {
		t.Errorf("brought back: %+v", m)
	}
	f := w.state.familiar
	if n := len(f.networks) + len(f.asns) + len(f.countries) + len(f.programs); n != 0 || len(w.state.Accounts()) != 1 || len(w.state.Incidents()) != 0 {
		t.Errorf("somebody learned of it: %v, %v", w.state.Accounts(), f)
	}
	w.same()
	if back := Restore(w.state.All()); back.outside != 1 {
		t.Errorf("after a start %d wait", back.outside)
	}
}

// TestStrangersDoNotFillTheHoldQueue: when many wait the next is delivered, marked, and the journal says why.
func TestStrangersDoNotFillTheHoldQueue(t *testing.T) {
	w := newWorld(t)
	for range maxHeldOutside {
		w.holdFar()
	}
	if v := Judge(w.state, w.fromFar()); v.Action != Accept || v.Would != Hold {
		t.Errorf("%+v", v)
	}
	for id := range w.state.Mails() {
		w.apply(Event{Key: "d", Kind: KindDelete, Mail: id, Actor: "test"})
		break
	}
	w.holdFar()
}
