package main

import (
	"strings"
	"testing"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// shown is what postward says of an incident.
func shown(t *testing.T, i guard.Incident, mails ...*guard.Mail) string {
	t.Helper()
	out, said, code := postward(t, "--config", desk(t, map[string]any{"incident/show": ctl.IncidentAnswer{Incident: &i, Mails: mails}}), "incident", "show", "1")
	if code != exitFine {
		t.Fatal(code, said)
	}
	return out
}

func has(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("no %q:\n%s", w, out)
		}
	}
}

func hasNot(t *testing.T, out string, unwanted ...string) {
	t.Helper()
	for _, w := range unwanted {
		if strings.Contains(out, w) {
			t.Errorf("%q:\n%s", w, out)
		}
	}
}

// TestWhatLeftByTheOwnersReleaseIsNotToldAsNothing: and apart from what left before it.
func TestWhatLeftByTheOwnersReleaseIsNotToldAsNothing(t *testing.T) {
	i := guard.Incident{ID: 1, Account: "anna", Status: guard.IncidentClosed, Held: 60, Released: 60, Freed: 60}
	has(t, shown(t, i), "left for 0 recipients before a release", "released 60, and with that left for 60 recipients", "held 60, still 0")
	i = guard.Incident{ID: 1, Account: "anna", Status: guard.IncidentOpen, Held: 3, Left: 1}
	out := shown(t, i, &guard.Mail{QueueID: "A1", Recipients: 1})
	has(t, out, "left for 1 recipient\n", "held 3, still 1")
	hasNot(t, out, "before a release", "released")
}

// TestAListOfIncidentsSaysWhatIsHeldNow: what was held once is nothing to act on, and in shadow mode nothing was.
func TestAListOfIncidentsSaysWhatIsHeldNow(t *testing.T) {
	list := []ctl.IncidentRow{
		{Incident: &guard.Incident{ID: 2, Account: "anna", Status: guard.IncidentOpen, Shadow: true, Held: 7, Refused: 2, Left: 9}},
		{Incident: &guard.Incident{ID: 1, Account: "bert", Status: guard.IncidentOpen, Held: 60, Released: 57, Freed: 57, Left: 2}, Waiting: 3},
	}
	out, _, _ := postward(t, "--config", desk(t, map[string]any{"incident/list": list}), "incident", "list")
	has(t, out, "open (shadow)\t-\t0\t9\t0\t9\n", "open\t-\t3\t59\t0\t0\n")
}

// TestInShadowModeNothingIsToldAsHeld: by no verb.
func TestInShadowModeNothingIsToldAsHeld(t *testing.T) {
	out := shown(t, guard.Incident{ID: 1, Account: "anna", Status: guard.IncidentOpen, Shadow: true, Held: 12, Refused: 3, Left: 15, Released: 2})
	has(t, out, "nothing was stopped, left for 15 recipients; enforced: 12 held, 3 refused")
	hasNot(t, out, "  held 12", "  released", "  refused")
	config := desk(t, map[string]any{"incident/release": ctl.Acted{Shadow: true}, "incident/close": ctl.Acted{Shadow: true}})
	for _, verb := range []string{"release", "close"} {
		out, _, _ = postward(t, "--config", config, "incident", verb, "1")
		has(t, out, "nothing was held")
		hasNot(t, out, "0 mails", "on the way", "still held")
	}
}

// TestWhatWasCalledSpamIsNotOfferedToBeLetGo: nor to be called so again.
func TestWhatWasCalledSpamIsNotOfferedToBeLetGo(t *testing.T) {
	i := guard.Incident{ID: 1, Account: "anna", Status: guard.IncidentContained, Held: 12, Deleted: 12}
	has(t, shown(t, i), "incident release 1", "incident spam 1", "incident close 1")
	i.Spam = true
	has(t, shown(t, i), "change the password of anna", "incident close 1     done: the password is changed, anna may send again")
	hasNot(t, shown(t, i), "incident release", "incident spam")
	i.Shadow = true
	hasNot(t, shown(t, i), "incident release", "incident spam")
}

// TestAMachineIsNotToldToChangeItsPassword: nor a user of this host.
func TestAMachineIsNotToldToChangeItsPassword(t *testing.T) {
	for account, want := range map[string]string{"net:192.0.2.10": "look at the machine 192.0.2.10", "local:www-data": "ps -u www-data"} {
		out := shown(t, guard.Incident{ID: 1, Account: account, Status: guard.IncidentContained})
		has(t, out, want, "done: what sent it is stopped, "+account+" may send again")
		hasNot(t, out, "password")
	}
}

// TestACountOfOneIsOne: "1 mail is", "no mail is".
func TestACountOfOneIsOne(t *testing.T) {
	for n, want := range map[int]string{0: "no mail is on the way", 1: "1 mail is on the way", 2: "2 mails are on the way"} {
		out, _, _ := postward(t, "--config", desk(t, map[string]any{"held/release": ctl.Acted{Mails: n}, "incident/release": ctl.Acted{Mails: n}}), "held", "release", "A1")
		has(t, out, want)
	}
}
