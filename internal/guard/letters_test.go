package guard

import (
	"fmt"
	"testing"
	"time"
)

// TestATicketSystemEarnsItsPlace: it never writes to anybody but who wrote first, once each, and its text repeats itself. Its
// address is known from old logs, and none of its mails waits.
func TestATicketSystemEarnsItsPlace(t *testing.T) {
	const support, desk = "support@example.org", "192.0.2.40"
	for answering, level := range map[bool]Level{true: LevelAddress, false: LevelNew} {
		p, letters := &Past{}, &Letters{}
		for day := range 30 {
			for n := range 18 {
				at := day0.Add(time.Duration(day-31)*24*time.Hour + time.Duration(n)*20*time.Minute)
				customer := fmt.Sprintf("c%dx%d@customer%d.example", day, n, n%7)
				if answering {
					letters.Wrote(customer, support, at)
				}
				at = at.Add(time.Minute)
				p.Note(addressed(desk), 64500, "CH", []string{customer}, func(to string) bool { return letters.Answers(support, to, at) }, at)
			}
		}
		s := rights(t, nil)
		s.policy.Own = nil
		Apply(s, &Event{Key: "l", Kind: KindLearned, At: day0, Account: support, Listing: &Listing{}, Past: p})
		Apply(s, &Event{Key: "a", Kind: KindAllowed, At: day0, Account: support})
		for n := range 18 {
			at := day0.Add(time.Hour + time.Duration(n)*20*time.Minute)
			customer := fmt.Sprintf("today%d@customer%d.example", n, n%7)
			Apply(s, &Event{Key: "w" + customer, Kind: KindWrote, At: at, Account: support, Recipient: customer})
			m := &Transaction{ID: customer, Stage: StageEnd, At: at.Add(time.Minute), Direction: Submission, Login: support, Client: addressed(desk), ASN: 64500, Country: "CH",
				ReversePath: support, Authors: []string{support}, Recipients: []string{customer}, Fingerprint: 0x1234}
			v := Judge(s, m)
			Apply(s, &Event{Key: "j" + m.ID, Kind: KindJudged, At: m.At, Account: v.Account, Transaction: m, Verdict: &v})
			if v.Level != level || answering && v.Action != Accept {
				t.Fatalf("answering %v, the %d.: %s %s, %s", answering, n+1, v.Action, v.Level, v.Why)
			}
		}
	}
}

func TestALetterIsAnsweredWithinAWeek(t *testing.T) {
	l := &Letters{}
	l.Wrote("bob@far.example", "anna@example.org", day0)
	for after, want := range map[time.Duration]bool{-time.Second: false, 0: true, 6 * 24 * time.Hour: true, 8 * 24 * time.Hour: false} {
		if l.Answers("anna@example.org", "bob@far.example", day0.Add(after)) != want {
			t.Errorf("after %s: %v", after, !want)
		}
	}
	if l.Answers("bert@example.org", "bob@far.example", day0) || l.Answers("anna@example.org", "carl@far.example", day0) {
		t.Error("somebody else's letter is answered")
	}
}
