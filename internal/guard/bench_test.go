package guard

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkJudgeAndApply is one ordinary mail to one known recipient of an account that knows 500.
func BenchmarkJudgeAndApply(b *testing.B) {
	w := newWorld(&testing.T{})
	w.allow("anna")
	a := w.state.touch("anna")
	for i := range 500 {
		a.Known.add(w.state.site.Secret.hash(fmt.Sprintf("r%d@far.example", i)), day0, 0)
	}
	t := w.mail("anna", "192.0.2.7", "r250@far.example")
	t.Mailer = "mailer"
	const batch = 1 << 12
	mails := make([]Transaction, batch)
	ids := make([]string, batch)
	for i := range ids {
		ids[i] = fmt.Sprintf("b%d", i)
	}
	var judged, removed Event // the daemon's event and verdict are one allocation each, counted there
	var v Verdict
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		m := &mails[n%batch]
		*m = *t
		m.ID = ids[n%batch]
		m.At = t.At.Add(time.Duration(n) * time.Millisecond)
		v = Judge(w.state, m)
		judged = Event{Kind: KindJudged, Transaction: m, Verdict: &v}
		Apply(w.state, &judged)
		removed = Event{Kind: KindRemoved, Mail: m.ID, At: m.At}
		Apply(w.state, &removed)
		n++
	}
}
