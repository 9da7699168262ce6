package main

import (
	"net/netip"
	"testing"
	"time"
)

var begin6 = netip.MustParseAddr("2a02::7")

// triesOf are so many tries of one subject, a minute apart.
func triesOf(kind string, guilty bool, outcome string, n int) (all []try) {
	for i := range n {
		all = append(all, try{At: begin.Add(time.Duration(i) * time.Minute), Guilty: guilty, Kind: kind, Subject: "x", Addr: netip.MustParseAddr("9.9.9.9"), Account: "anna", Outcome: outcome})
	}
	return all
}

func keptOut(n, from int, how answer) []answer {
	all := make([]answer, n)
	for i := from; i < n; i++ {
		all[i] = how
	}
	return all
}

func TestAnAttackIsFoundWhenNoMoreThanItsLimitWentThrough(t *testing.T) {
	tries := triesOf("focused", true, refused, 10)
	for at, want := range map[int]int{5: 0, 6: 1} {
		if _, missed, _ := judge(tries, keptOut(10, at, banned), attacks).sum(); missed != want {
			t.Errorf("kept out after %d tries: %d missed, not %d", at, missed, want)
		}
	}
}

func TestAGuesserWhoGotInWasMissed(t *testing.T) {
	tries := triesOf("wave, then in", true, gotIn, 1)
	if _, missed, _ := judge(tries, keptOut(1, 1, banned), attacks).sum(); missed != 1 {
		t.Error("he was not missed")
	}
	if found, _, _ := judge(tries, keptOut(1, 0, locked), attacks).sum(); found != 1 {
		t.Error("he was kept out and not found")
	}
}

func TestWhatHasNoLimitIsNeverMissed(t *testing.T) {
	r := judge(triesOf("pregreet", true, came, 50), make([]answer, 50), attacks)
	if found, missed, _ := r.sum(); found != 0 || missed != 0 || r.attacks["pregreet"].bad != 0 {
		t.Errorf("found %d, missed %d: %+v", found, missed, r.attacks["pregreet"])
	}
}

func TestABanWrongsAnInnocentAlways(t *testing.T) {
	for _, outcome := range []string{gotIn, refused, came} {
		if _, _, wrong := judge(triesOf("office", false, outcome, 3), keptOut(3, 2, banned), attacks).sum(); wrong != 1 {
			t.Errorf("%s: %d wronged", outcome, wrong)
		}
	}
}

func TestToBeRefusedWithAWrongPasswordIsNoHarm(t *testing.T) {
	for outcome, want := range map[string]int{gotIn: 1, refused: 0} {
		if _, _, wrong := judge(triesOf("office", false, outcome, 3), keptOut(3, 2, locked), attacks).sum(); wrong != want {
			t.Errorf("%s: %d wronged, not %d", outcome, wrong, want)
		}
	}
}

func TestABanCoversItsNetworkAndItsTime(t *testing.T) {
	b := bans{}
	b.add(netip.MustParsePrefix("9.9.9.0/24"), begin.Add(time.Minute), begin.Add(3*time.Minute))
	got := b.answers(triesOf("office", false, gotIn, 5))
	for i, want := range []answer{through, through, banned, through, through} {
		if got[i] != want {
			t.Errorf("minute %d: %d, not %d", i, got[i], want)
		}
	}
}

// Each kind is in the log, and who shuts everybody out finds all and wrongs all.
func TestEveryKindIsTriedAndJudged(t *testing.T) {
	_, tries := small(t, forms[0])
	r := judge(tries, keptOut(len(tries), 0, banned), attacks)
	for _, a := range attacks {
		if x := r.attacks[a.name]; x == nil || x.bad != 0 || x.open != 0 {
			t.Errorf("%s: %+v", a.name, x)
		}
	}
	for _, i := range append(innocents, everyDay...) {
		if x := r.innocents[i.name]; x == nil || x.bad != x.subjects {
			t.Errorf("%s: %+v", i.name, x)
		}
	}
	r = judge(tries, make([]answer, len(tries)), attacks)
	if found, missed, wrong := r.sum(); found != 0 || missed == 0 || wrong != 0 {
		t.Errorf("nothing was done: found %d, missed %d, wrong %d", found, missed, wrong)
	}
}
