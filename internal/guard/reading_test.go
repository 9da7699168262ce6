package guard

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// readsDaily has somebody read an account's mail from a place, once a day.
func (w *world) readsDaily(account string, from place, days int) {
	for range days {
		w.now = w.now.Add(24 * time.Hour)
		w.apply(Event{Key: "login:" + w.now.String(), Kind: KindLogin, At: w.now, Account: account, Network: netip.MustParseAddr(from.addr), ASN: from.asn})
	}
}

// explained is the score of a mail to a stranger that has not come.
func (w *world) explained(account string, from place) Explanation {
	m := w.mail(account, from.addr, "somebody@new.example")
	m.Country, m.Mailer, m.ASN = from.country, from.program, from.asn
	return Explain(w.state, m)
}

func TestReadingMailForThreeDaysBuysNothing(t *testing.T) {
	w := settled(t)
	before := w.explained("anna", vietnam)
	w.readsDaily("anna", vietnam, 3)
	if after := w.explained("anna", vietnam); after.Score != before.Score || after.Budget != before.Budget || after.Ten != before.Ten {
		t.Errorf("after three days: score %s, %d a day; before: %s, %d", after.Score, after.Budget, before.Score, before.Budget)
	}
	w.same()
}

// Not even forty days of it open a budget of strangers; the score, and mail to her own people, know better.
func TestReadingMailForLongOpensNoBudget(t *testing.T) {
	w := settled(t)
	before := w.explained("anna", vietnam)
	w.readsDaily("anna", vietnam, 40)
	after := w.explained("anna", vietnam)
	if after.Budget != before.Budget || after.Ten != before.Ten || after.Level != before.Level {
		t.Errorf("%d a day and %d in ten days, %s; before: %d, %d, %s", after.Budget, after.Ten, after.Level, before.Budget, before.Ten, before.Level)
	}
	if after.Score >= before.Score {
		t.Errorf("score %s, before %s", after.Score, before.Score)
	}
	if after.Verdict.Strange {
		t.Error("the network is still strange to who reads her mail there")
	}
}

func TestReadingMailCountsForNothingAmidAnIncident(t *testing.T) {
	w := settled(t)
	for i := 0; w.state.OpenIncident("anna") == nil; i++ {
		if i == 50 {
			t.Fatal("no incident")
		}
		w.from("anna", vietnam, fmt.Sprintf("stranger%d@new.example", i))
	}
	w.readsDaily("anna", vietnam, 60)
	if n := len(w.state.Account("anna").Sources.Readings); n != 0 {
		t.Errorf("%d networks are read from", n)
	}
}

// A thief who logs in from everywhere does not make the account forget where its owner reads.
func TestTheOwnersReadingIsNotPushedOut(t *testing.T) {
	w := settled(t)
	w.readsDaily("anna", vietnam, 40)
	for i := range 100 {
		w.readsDaily("anna", place{"198.51.100.7", "BR", "", uint32(70000 + i)}, 1)
		if i%3 == 0 {
			w.readsDaily("anna", vietnam, 1)
		}
	}
	if w.explained("anna", vietnam).Verdict.Strange {
		t.Error("where she reads is forgotten")
	}
}

// A clock that loses a minute each night makes no month of a week.
func TestAClockSetEachNightMakesNoMonthOfReading(t *testing.T) {
	w := settled(t)
	for range 12 {
		w.readsDaily("anna", vietnam, 1)
		for range 10 {
			w.apply(Event{Key: "clock:" + w.now.String(), Kind: KindClock, At: w.now, Step: -60_000})
		}
	}
	if !w.explained("anna", vietnam).Verdict.Strange {
		t.Error("twelve days count as a month")
	}
}
