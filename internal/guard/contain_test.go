package guard

import (
	"fmt"
	"testing"
	"time"
)

func TestContainmentHoldsWhatIsQueued(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.makeFamiliar("anna", "198.51.100.7")
	w.send(w.mail("anna", "203.0.113.80", "friend0@far.example"))
	passed := w.state.Mail(fmt.Sprintf("m%d", w.mails))
	if passed.Status != MailPassed {
		t.Fatalf("mail to a friend is %s", passed.Status)
	}
	var held []Effect
	for i := range 20 {
		_, effects := w.send(w.mail("anna", "203.0.113.80", rcpts(7, fmt.Sprint(i))...))
		for _, f := range effects {
			if f.Act == ActHold && f.Mail == passed.ID {
				held = append(held, f)
			}
		}
	}
	if len(held) != 1 {
		t.Fatalf("%d effects hold the queued mail, want 1", len(held))
	}
	w.pass(2 * time.Second)
	w.apply(Event{Key: "line:1", Kind: KindForeign, Mail: passed.ID})
	if passed.Status != MailHeld {
		t.Errorf("our own hold was taken for somebody else's: %s", passed.Status)
	}
	w.apply(Event{Key: "line:2", Kind: KindForeign, Mail: passed.ID})
	if passed.Status != MailForeign {
		t.Errorf("the administrator's hold is not respected: %s", passed.Status)
	}
	w.same()
}

func TestARequeuedMailKeepsItsAccount(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	first := w.mail("anna", "203.0.113.80", "first@far.example")
	first.QueueID = "4AAAA1"
	w.send(first)
	m := w.state.Mail("m1")
	if m.Status != MailCooling || w.state.Account("anna").Waiting != 1 {
		t.Fatalf("the mail does not cool: %s", m.Status)
	}
	w.apply(Event{Key: "requeued:m1:4BBBB1", Kind: KindRequeued, Mail: "m1", QueueID: "4BBBB1"})
	if w.state.Queued("4AAAA1") != nil || w.state.Queued("4BBBB1") != m {
		t.Error("the mail is not found under its new ID alone")
	}
	if m.Status != MailReleased || w.state.Account("anna").Waiting != 0 {
		t.Errorf("%s, %d waiting", m.Status, w.state.Account("anna").Waiting)
	}
	w.now = m.ReleaseAt
	if due := w.apply(Event{Key: "cooled:m1", Kind: KindCooled, Mail: "m1"}); len(due) != 0 {
		t.Errorf("it is released again: %+v", due)
	}
	w.same()
}

// What cooled until the moment of the containment is on its way, or not: nobody knows. It is held all the same.
func TestContainmentTakesBackWhatItWasLettingGo(t *testing.T) {
	for _, carried := range []bool{false, true} {
		w := newWorld(t)
		w.allow("anna")
		v, _ := w.send(w.mail("anna", "203.0.113.80", "first@far.example"))
		if !v.Cool {
			t.Fatalf("the mail does not cool: %+v", v)
		}
		first := w.state.Mail("m1")
		w.now = first.ReleaseAt
		if due := w.apply(Event{Key: "cooled:m1", Kind: KindCooled, Mail: "m1"}); len(due) != 1 || first.Status != MailReleasing {
			t.Fatalf("%s, %+v", first.Status, due)
		}
		if carried {
			w.apply(Event{Key: "outcome", Kind: KindOutcome, Effect: "release:m1", Mail: "m1", Outcome: Done})
		}
		for i := 0; w.state.Account("anna").Status != Contained; i++ {
			if i == 20 {
				t.Fatal("the account is not contained")
			}
			w.send(w.mail("anna", "203.0.113.80", rcpts(7, fmt.Sprint(i))...))
		}
		if first.Status != MailStopping || w.state.Effects()["release:m1"] != nil || w.state.Effects()["hold:m1"] == nil {
			t.Errorf("carried %v: the mail is %s, undone are %v", carried, first.Status, w.state.Effects())
		}
		w.apply(Event{Key: "late", Kind: KindOutcome, Effect: "release:m1", Mail: "m1", Outcome: Done}) // of the act in hand
		if first.Status != MailStopping {
			t.Errorf("the late outcome of the release makes it %s", first.Status)
		}
		w.apply(Event{Key: "held", Kind: KindOutcome, Effect: "hold:m1", Mail: "m1", Outcome: Done})
		if first.Status != MailHeld {
			t.Errorf("it is %s", first.Status)
		}
		w.same()
	}
}

// A release may come while what was queued is still being put on hold: that goes too, and is not held afterwards.
func TestReleaseTakesWhatIsBeingStopped(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.makeFamiliar("anna", "198.51.100.7")
	w.send(w.mail("anna", "203.0.113.80", "friend0@far.example"))
	queued := w.state.Mail(fmt.Sprintf("m%d", w.mails))
	for i := range 20 {
		w.send(w.mail("anna", "203.0.113.80", rcpts(7, fmt.Sprint(i))...))
	}
	if queued.Status != MailStopping {
		t.Fatalf("it is %s", queued.Status)
	}
	messages, held := w.state.Account("anna").Messages, uint64(0)
	for _, m := range w.state.Mails() {
		if m.Waiting() {
			held++
		}
	}
	w.apply(Event{Key: "release", Kind: KindRelease, Incident: w.state.OpenIncident("anna").ID, Actor: "test"})
	if queued.Status != MailReleasing || w.state.Effects()["hold:"+queued.ID] != nil || w.state.Effects()["release:"+queued.ID] == nil {
		t.Errorf("it is %s; undone: %v", queued.Status, w.state.Effects())
	}
	w.apply(Event{Key: "late", Kind: KindOutcome, Effect: "hold:" + queued.ID, Mail: queued.ID, Outcome: Done}) // of the act in hand
	if queued.Status != MailReleasing {
		t.Errorf("the late outcome of the hold makes it %s", queued.Status)
	}
	if n := w.state.Account("anna").Messages - messages; n != held {
		t.Errorf("%d mails are counted for %d that were held", n, held)
	}
	w.same()
}

// What can be said at the MAIL command is said there: no recipient is told of, and no message is sent.
func TestRefusalsDoNotWaitForTheMessage(t *testing.T) {
	w := settled(t)
	w.state.touch("anna").Status = Contained
	m := w.mail("anna", "203.0.113.80")
	m.Stage, m.Recipients = StageMail, nil
	want(t, Judge(w.state, m), Reject, ReasonContained)
	w.state.touch("anna").Status = Normal
	m.ReversePath = "ceo@bank.example"
	want(t, Judge(w.state, m), Reject, ReasonReversePath)
	last := StageMail
	for _, r := range order {
		if r.stage == StageMail && last == StageEnd {
			t.Error("a rule of the MAIL command stands behind one of the end of the message")
		}
		last = r.stage
	}
}
