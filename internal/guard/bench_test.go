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
		a.Known.add(hashRecipient(fmt.Sprintf("r%d@far.example", i)), day0)
	}
	t := w.mail("anna", "192.0.2.7", "r250@far.example")
	t.Mailer = "mailer"
	ids := make([]string, 1<<14)
	for i := range ids {
		ids[i] = fmt.Sprintf("b%d", i)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		m := *t
		m.ID = ids[n%len(ids)]
		m.At = t.At.Add(time.Duration(n) * time.Millisecond)
		v := Judge(w.state, &m)
		Apply(w.state, &Event{Kind: KindJudged, Transaction: &m, Verdict: &v})
		Apply(w.state, &Event{Kind: KindRemoved, Mail: m.ID, At: m.At})
		n++
	}
}
