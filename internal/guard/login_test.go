package guard

import (
	"fmt"
	"net/netip"
	"testing"
)

// TestShadowModeLocksNobodyOut: what would have been stopped there is only told, its logins too.
func TestShadowModeLocksNobodyOut(t *testing.T) {
	for _, mode := range []Mode{Shadow, Enforce} {
		w := newWorld(t)
		p := *w.state.Policy()
		p.Modes = map[Subject]Mode{}
		for _, subject := range Subjects {
			p.Modes[subject] = mode
		}
		w.apply(Event{Key: "mode", Kind: KindPolicy, Policy: &p})
		w.allow("alarm")
		for i := range 200 {
			m := w.mail("alarm", "203.0.113.80", fmt.Sprintf("v%d@far.example", i))
			m.Fingerprint = 0x9e3779b97f4a7c15
			w.send(m)
			w.now += 100
		}
		if is := w.state.Account("alarm").Status; is != Contained {
			t.Fatalf("%s: it is %s", mode, is)
		}
		refused := MayLogin(w.state, "alarm", netip.MustParseAddr("198.51.100.7"), 0) == LoginContained
		if refused != (mode == Enforce) {
			t.Errorf("%s: its logins are refused: %t", mode, refused)
		}
	}
}
