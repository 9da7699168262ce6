package guard

import (
	"fmt"
	"testing"
	"time"
)

// stopped has an account hold mail until it is contained.
func (w *world) stopped(account string) *Incident {
	w.t.Helper()
	w.allow(account)
	for i := range 20 {
		w.send(w.mail(account, "203.0.113.80", fmt.Sprintf("v%d@far.example", i)))
		w.now += 100
	}
	i := w.state.OpenIncident(account)
	if i == nil || i.Held == 0 {
		w.t.Fatalf("nothing is held: %+v", i)
	}
	return i
}

// taken has a receiving server take every mail of an account that was let go, for its first recipient.
func (w *world) taken(account string) (n int) {
	for _, m := range w.state.mailsOf(account) {
		if m.Status == MailReleasing || m.Status == MailReleased {
			w.apply(Event{Key: "left:" + m.ID, Kind: KindLeft, Mail: m.ID, Recipient: m.First})
			n++
		}
	}
	return n
}

// TestWhatLeftByAReleaseIsCounted: it is told apart from what left before it, and never as nothing.
func TestWhatLeftByAReleaseIsCounted(t *testing.T) {
	w := newWorld(t)
	i := w.stopped("anna")
	w.apply(Event{Key: "release", Kind: KindRelease, Incident: i.ID, Actor: "test"})
	if n := w.taken("anna"); n != i.Released || i.Freed != n || i.Left != 0 {
		t.Errorf("%d mails left by the release: freed %d, left before %d, released %d", n, i.Freed, i.Left, i.Released)
	}
	w.same()
}

// TestWhatCooledBesideAnIncidentIsCounted: it is let go with the incident's mail, and belongs to none.
func TestWhatCooledBesideAnIncidentIsCounted(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.send(w.mail("anna", "203.0.113.80", rcpts(50, "b")...))
	i := w.state.OpenIncident("anna")
	cools := w.state.mailsOf("anna")[0]
	cools.Status, cools.Incident = MailCooling, 0
	w.state.cool[cools.ID] = struct{}{}
	w.journal = nil
	w.apply(Event{Key: "release", Kind: KindRelease, Incident: i.ID, Actor: "test"})
	if n := w.taken("anna"); n != 1 || i.Freed != 1 {
		t.Errorf("%d left: freed %d", n, i.Freed)
	}
}

// TestACopyThatNobodyNamedIsNoRecipient: always_bcc, and the members of an alias.
func TestACopyThatNobodyNamedIsNoRecipient(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.send(w.mail("anna", "192.0.2.10", "staff@example.org", "bob@far.example"))
	m := w.state.Mail("m1")
	for _, c := range []struct {
		to, orig, name string
		named          bool
	}{
		{"archive@vault.example", "", "archive@vault.example", false},
		{"archive@vault.example", "copies@example.org", "archive@vault.example", false},
		{"member@imap.example", "staff@example.org", "staff@example.org", true},
		{"bob@far.example", "", "bob@far.example", true},
		{"bob@far.example", "bob", "bob@far.example", true}, // completed by Postfix
		{"member@imap.example", "", "member@imap.example", false},
	} {
		if name, named := w.state.NamedAs(m, c.to, c.orig); name != c.name || named != c.named {
			t.Errorf("%s (for %q): %s %v", c.to, c.orig, name, named)
		}
	}
	m.Envelope = nil // of a mail of a former version
	if _, named := w.state.NamedAs(m, "x@far.example", ""); !named {
		t.Error("a recipient of a mail whose envelope is not known is not counted")
	}
}

// TestAnAliasThatBouncesInPartReachedSomebody: it left, whatever its first member's server said.
func TestAnAliasThatBouncesInPartReachedSomebody(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	w.send(w.mail("anna", "192.0.2.10", "staff@far.example"))
	w.apply(Event{Key: "b", Kind: KindBounced, Mail: "m1", Recipient: "staff@far.example"})
	w.apply(Event{Key: "l", Kind: KindLeft, Mail: "m1", Recipient: "staff@far.example"})
	w.apply(Event{Key: "l2", Kind: KindLeft, Mail: "m1", Recipient: "staff@far.example"})
	if m := w.state.Mail("m1"); len(m.Left) != 1 || len(m.Bounced) != 1 {
		t.Errorf("left %d, bounced %d", len(m.Left), len(m.Bounced))
	}
	w.same()
}

// TestWhatWasCalledSpamIsKnownAsSpam: to release it is no next step any more.
func TestWhatWasCalledSpamIsKnownAsSpam(t *testing.T) {
	w := newWorld(t)
	i := w.stopped("anna")
	w.apply(Event{Key: "spam", Kind: KindSpam, Incident: i.ID, Actor: "test"})
	if !i.Spam {
		t.Error("it is not noted")
	}
	w.same()
}

// TestASourceThatWasUsedIsNotCalledNeverUsed: it is only not familiar.
func TestASourceThatWasUsedIsNotCalledNeverUsed(t *testing.T) {
	w := newWorld(t)
	w.allow("anna")
	for i := range 3 {
		w.send(w.mail("anna", "203.0.113.80", fmt.Sprintf("s%d@far.example", i)))
		w.now = w.now.Add(24 * time.Hour)
		w.pass(3 * time.Minute)
	}
	j := newJudgement(w.state, w.mail("anna", "203.0.113.80", "x@far.example"), "anna")
	if said := j.sourceFact(); said != "203.0.113.80, not familiar yet after 3 mails of anna" {
		t.Error(said)
	}
	j = newJudgement(w.state, w.mail("anna", "203.0.113.81", "x@far.example"), "anna")
	if said := j.sourceFact(); said != "203.0.113.81 never used by anna" {
		t.Error(said)
	}
}

// TestARestoredMailWaitsForAPersonAgain: in its incident, with what it would teach, and once.
func TestARestoredMailWaitsForAPersonAgain(t *testing.T) {
	w := newWorld(t)
	i := w.stopped("anna")
	var m *Mail
	for _, x := range w.state.mailsOf("anna") {
		if x.Status == MailHeld {
			m = x
		}
	}
	waiting := w.state.Account("anna").Waiting
	trashed := m.Clone()
	w.apply(Event{Key: "delete", Kind: KindDelete, Mail: m.ID, Account: "anna", Actor: "test", Trashed: []*Mail{trashed}})
	w.apply(Event{Key: "removed", Kind: KindRemoved, Mail: m.ID}) // the log is read before the outcome is known
	w.apply(Event{Key: "outcome", Kind: KindOutcome, Effect: "delete:" + m.ID, Outcome: Done})
	if i.Deleted != 1 {
		t.Fatalf("it is not deleted: %+v", i)
	}
	back := Event{Key: "restored", Kind: KindRestored, Mail: m.ID, Account: "anna", Incident: i.ID, QueueID: "B000001", Trashed: []*Mail{trashed}, Actor: "test"}
	w.apply(back)
	w.apply(back)
	is := w.state.Queued("B000001")
	if is == nil || is.Status != MailHeld || is.Incident != i.ID || is.ByHand || len(is.Teach) != len(trashed.Teach) || i.Deleted != 0 || w.state.Account("anna").Waiting != waiting {
		t.Fatalf("%+v, %d deleted, %d waiting of %d", is, i.Deleted, w.state.Account("anna").Waiting, waiting)
	}
	w.apply(Event{Key: "release", Kind: KindRelease, Mail: m.ID, Account: "anna", Actor: "test"})
	if is.Status != MailReleasing || !is.ByHand {
		t.Errorf("%+v", is)
	}
	w.same()
}
