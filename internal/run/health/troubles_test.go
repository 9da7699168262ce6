package health

import (
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestTroubleIsToldOnceAndItsEndToo(t *testing.T) {
	var x Troubles
	x.Set("disk", "full", noon)
	if n := len(x.Due(1, noon)); n != 0 {
		t.Error("it is told before it lasts")
	}
	now := noon.Add(time.Minute)
	x.Set("disk", "fuller", now)
	due := x.Due(1, now)
	if due["disk"].Text != "fuller" {
		t.Fatalf("due: %+v", due)
	}
	x.Took("disk", due["disk"], []int{0})
	if n := len(x.Due(1, now)); n != 0 {
		t.Error("it is told twice")
	}
	x.Set("disk", "", now)
	if due = x.Due(1, now); len(due) != 1 || !due["disk"].Over {
		t.Errorf("its end is not told: %+v", due)
	}
	if len(x.List()) != 0 {
		t.Error("status shows what is over")
	}
	x.Took("disk", due["disk"], []int{0})
	if len(x.open) != 0 {
		t.Error("it is not forgotten")
	}
	x.Set("blip", "short", now)
	x.Set("blip", "", now)
	if len(x.open) != 0 {
		t.Error("the end of what nobody was told of is told")
	}
}

func TestWhatWasToldBeforeARestartIsNotToldAgain(t *testing.T) {
	var tr Troubles
	tr.Knew("listed x", "x is listed", 2, noon)
	if due := tr.Due(2, noon); len(due) != 0 || !slices.Equal(tr.List(), []string{"x is listed"}) {
		t.Errorf("%v %q", due, tr.List())
	}
	tr.Anew("listed x", "x is listed for worse", noon)
	old := tr.Due(2, noon)["listed x"]
	now := noon.Add(time.Second)
	tr.Anew("listed x", "x is listed for worse still", now)
	tr.Took("listed x", old, []int{0, 1}) // the one before
	if due := tr.Due(2, now); len(due) != 1 {
		t.Errorf("another reason is not told: %v", due)
	}
	tr.Knew("listed x", "x is listed", 2, now)
	tr.Set("listed x", "", now)
	if due := tr.Due(2, now); len(due) != 1 {
		t.Errorf("its end is not told: %v", due)
	}
}

func TestTheEndOfATroubleIsToldWhoseBeginningIsOnItsWay(t *testing.T) {
	for name, c := range map[string]struct {
		took []int
		due  int
	}{"taken": {[]int{0}, 1}, "not taken": {nil, 0}} {
		var x Troubles
		x.SetAfter("disk", "full", 0, noon)
		due := x.Due(1, noon)["disk"]
		if !x.Alerting("disk", due) {
			t.Errorf("%s: it is not told", name)
		}
		x.Set("disk", "", noon)
		if x.Alerting("disk", due) {
			t.Errorf("%s: its beginning is told though it is over", name)
		}
		x.Took("disk", due, c.took)
		if due := x.Due(1, noon); len(due) != c.due || len(x.open) != c.due {
			t.Errorf("%s: %+v is due, %d are open", name, due, len(x.open))
		}
	}
}
