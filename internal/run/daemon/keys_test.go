package daemon

import (
	"strconv"
	"testing"

	"postward/internal/guard"
	"postward/internal/run/ctl"
	"postward/internal/run/store"
)

// An operator who names the keys of verdicts that are still to come does not keep them out of the journal.
func TestAnOperatorChoosesNoKeyOfTheJournal(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	var events []guard.Event
	for n := range 20 {
		id := d.config.Node + "/" + strconv.FormatInt(int64(d.started), 36) + "/" + strconv.FormatInt(int64(n), 36)
		events = append(events, guard.Event{Key: "judged:" + id, Kind: guard.KindLearned, At: 1, Actor: "nobody", Mail: id, Account: "someone", Listing: &guard.Listing{Messages: 1}})
	}
	must(t, d, "account/learn", ctl.LearnRequest{Events: events})
	m := heldMail(t, d)
	for r, err := range d.store.Journal(t.Context(), store.Filter{Kind: guard.KindLearned}) {
		if err != nil || r.Event.At < d.started || r.Event.Actor != "root" || r.Event.Mail != "" {
			t.Errorf("%+v, %v", r.Event, err)
		}
	}
	if err := d.store.Close(); err != nil { // no checkpoint: as after a crash
		t.Fatal(err)
	}
	d = begin(t, dir)
	defer end(t, d)
	if d.state.Mail(m.ID) == nil {
		t.Error("a verdict was written nowhere, and its mail is forgotten")
	}
}

// What was learned, struck out and learned again is known after the next start too.
func TestWhatIsLearnedAgainIsWrittenAgain(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	said := ctl.LearnRequest{Events: []guard.Event{{Key: "learned:anna", Kind: guard.KindLearned, Account: "anna", Listing: &guard.Listing{Messages: 3}, Past: &guard.Past{Messages: 3, First: 1, Last: 2}}}}
	must(t, d, "account/learn", said)
	must(t, d, "account/forget", ctl.ForgetRequest{Account: "anna"})
	must(t, d, "account/learn", said)
	want := d.state.Account("anna").Past
	if err := d.store.Close(); err != nil {
		t.Fatal(err)
	}
	d = begin(t, dir)
	defer end(t, d)
	if got := d.state.Account("anna").Past; got != want || want == 0 {
		t.Errorf("the past of anna is %d, and was %d", got, want)
	}
}
